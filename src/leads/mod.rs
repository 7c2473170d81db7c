pub mod handlers;

pub struct Leads<'c, 't>(&'t mut crate::db::Tx<'c>);
impl<'c> crate::db::Tx<'c> {
    pub fn leads<'t>(&'t mut self) -> Leads<'c, 't> { Leads(self) }
}
impl Leads<'_, '_> {
    pub fn get(&mut self, _: crate::id::Id) -> crate::error::Result<()> { let _ = &self.0; Ok(()) }
}
