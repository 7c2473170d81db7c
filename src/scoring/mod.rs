pub mod handlers;
pub fn contact_changed(_: &mut crate::db::Tx<'_>, _: crate::id::Id) -> crate::error::Result<()> { Ok(()) }
pub fn lead_changed(_: &mut crate::db::Tx<'_>, _: crate::id::Id) -> crate::error::Result<()> { Ok(()) }
