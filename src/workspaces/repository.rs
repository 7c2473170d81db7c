//! Workspaces, users and clients in the database.

use diesel::prelude::*;

use super::{Client, Stand, User, Workspace};
use crate::auth::scope::Role;
use crate::db::Tx;
use crate::db::page::Paging;
use crate::db::types::{Code, JsonOf};
use crate::error::Result;
use crate::id::Id;
use crate::schema::{clients, users, workspaces};
use crate::workspaces::settings::Settings;

/// All workspaces.
pub struct Workspaces<'c, 't>(&'t mut Tx<'c>);
/// The users of the workspace.
pub struct Users<'c, 't>(&'t mut Tx<'c>);
/// The clients of the workspace.
pub struct Clients<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// All workspaces.
    pub fn workspaces<'t>(&'t mut self) -> Workspaces<'c, 't> {
        Workspaces(self)
    }

    /// The users of the workspace.
    pub fn users<'t>(&'t mut self) -> Users<'c, 't> {
        Users(self)
    }

    /// The clients of the workspace.
    pub fn clients<'t>(&'t mut self) -> Clients<'c, 't> {
        Clients(self)
    }
}

impl Workspaces<'_, '_> {
    pub fn insert(&mut self, workspace: &Workspace) -> Result<()> {
        diesel::insert_into(workspaces::table).values(workspace).execute(self.0.conn)?;
        Ok(())
    }

    /// The workspace of this transaction.
    pub fn own(&mut self) -> Result<Workspace> {
        let id = self.0.scope.workspace;
        Ok(workspaces::table.find(id).select(Workspace::as_select()).first(self.0.conn)?)
    }

    /// The state that the workspace of this transaction is in.
    pub fn stand(&mut self) -> Result<Stand> {
        let found = workspaces::table.find(self.0.scope.workspace);
        Ok(found.select((workspaces::id, workspaces::version, workspaces::updated_at)).first(self.0.conn)?)
    }

    /// Every workspace of the installation, by key.
    pub fn all(&mut self) -> Result<Vec<Workspace>> {
        Ok(workspaces::table.order(workspaces::key).select(Workspace::as_select()).load(self.0.conn)?)
    }

    pub fn find_key(&mut self, key: &str) -> Result<Option<Workspace>> {
        let found = workspaces::table.filter(workspaces::key.eq(key)).select(Workspace::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    /// Replaces the settings of version `version`; false when there is another by now.
    pub fn update_settings(&mut self, id: Id, version: i64, settings: &Settings) -> Result<bool> {
        let at = self.0.at();
        let target = workspaces::table.find(id).filter(workspaces::version.eq(version));
        let changed = diesel::update(target)
            .set((
                workspaces::settings.eq(JsonOf(settings.clone())),
                workspaces::version.eq(version + 1),
                workspaces::updated_at.eq(at),
            ))
            .execute(self.0.conn)?;
        Ok(changed == 1)
    }
}

impl Users<'_, '_> {
    pub fn insert(&mut self, user: &User) -> Result<()> {
        diesel::insert_into(users::table).values(user).execute(self.0.conn)?;
        Ok(())
    }

    pub fn find(&mut self, id: Id) -> Result<Option<User>> {
        let found = users::table.find((self.0.scope.workspace, id)).select(User::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn find_email(&mut self, key: &str) -> Result<Option<User>> {
        let found = users::table
            .filter(users::workspace_id.eq(self.0.scope.workspace))
            .filter(users::email_key.eq(key))
            .select(User::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn first_with_role(&mut self, role: Role) -> Result<Option<User>> {
        let found = users::table
            .filter(users::workspace_id.eq(self.0.scope.workspace))
            .filter(users::role.eq(Code(role)))
            .filter(users::disabled.eq(false))
            .order(users::id)
            .select(User::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn list(&mut self, paging: &Paging) -> Result<Vec<User>> {
        let mut query = users::table.filter(users::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(after) = paging.after("users") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("users")).limit(paging.fetch()).select(User::as_select()).load(self.0.conn)?)
    }

    /// Writes all changeable fields of version `user.version`; false when there is another by now.
    pub fn update(&mut self, user: &User) -> Result<bool> {
        let target = users::table.find((self.0.scope.workspace, user.id)).filter(users::version.eq(user.version));
        let changed = diesel::update(target)
            .set((
                users::name.eq(&user.name),
                users::email.eq(&user.email),
                users::email_key.eq(&user.email_key),
                users::role.eq(user.role),
                users::teams.eq(user.teams.clone()),
                users::rank.eq(user.rank),
                users::product_lines.eq(user.product_lines.clone()),
                users::capacity.eq(user.capacity),
                users::away_until.eq(user.away_until),
                users::disabled.eq(user.disabled),
                users::version.eq(user.version + 1),
                users::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(changed == 1)
    }
}

impl Clients<'_, '_> {
    pub fn insert(&mut self, client: &Client) -> Result<()> {
        diesel::insert_into(clients::table).values(client).execute(self.0.conn)?;
        Ok(())
    }

    pub fn find(&mut self, id: Id) -> Result<Option<Client>> {
        let found = clients::table.find((self.0.scope.workspace, id)).select(Client::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn find_anywhere(&mut self, id: Id) -> Result<Option<Client>> {
        let found = clients::table.filter(clients::id.eq(id)).select(Client::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn list(&mut self, paging: &Paging) -> Result<Vec<Client>> {
        let mut query = clients::table.filter(clients::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(after) = paging.after("clients") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("clients")).limit(paging.fetch()).select(Client::as_select()).load(self.0.conn)?)
    }

    /// Removes a client; its tokens are worth nothing from then on.
    pub fn delete(&mut self, id: Id) -> Result<bool> {
        let target = clients::table.find((self.0.scope.workspace, id));
        Ok(diesel::delete(target).execute(self.0.conn)? == 1)
    }
}
