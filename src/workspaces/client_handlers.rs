//! Clients over HTTP.

use actix_web::{delete, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Client;
use super::audit::{self, Subject};
use crate::auth::Actor;
use crate::auth::token::PrincipalKind;
use crate::clock::Timestamp;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::error::Error;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::request_id;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::workspaces;

/// The paths of clients.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list_clients).service(create_client).service(remove_client);
}

const CLIENT_SORT: &[SortField] = &[SortField::new("created_at", "clients.created_at", SortKind::Instant)];

impl Sorted for Client {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

/// A client.
#[derive(Serialize, ToSchema)]
#[schema(as = Client)]
struct ClientView {
    /// Its id; also its `client_id` at `/oauth/token`.
    id: Id,
    /// Its name.
    #[schema(example = "Newsletter service")]
    name: String,
    /// What it may do.
    #[schema(example = json!(["interactions:write"]))]
    scopes: Vec<String>,
    /// Whether it is locked out.
    disabled: bool,
    /// When it was added.
    created_at: Timestamp,
}

impl From<Client> for ClientView {
    fn from(client: Client) -> Self {
        Self {
            id: client.id,
            name: client.name,
            scopes: client.scopes.0,
            disabled: client.disabled,
            created_at: client.created_at,
        }
    }
}

/// A new client with its secret.
#[derive(Serialize, ToSchema)]
struct CreatedClient {
    /// The client.
    client: ClientView,
    /// Its secret, shown this once and never again.
    client_secret: String,
}

/// A program that is to act in the workspace.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Newsletter service", "scopes": ["interactions:write"]}))]
struct NewClient {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<ScopeName>, min_items = 1, max_items = 50)]
    scopes: Vec<String>,
}

/// The name of a scope, as the operations list them.
#[derive(ToSchema)]
#[schema(max_length = 50, example = "interactions:write")]
#[expect(dead_code, reason = "describes an entry of `scopes`")]
struct ScopeName(String);

/// List clients
///
/// Programs that may act in the workspace. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "workspace",
    operation_id = "list_clients",
    params(PageQuery),
    responses((status = 200, description = "A page of clients", body = Page<ClientView>)),
    security(("bearer" = ["workspace:admin"])),
)]
#[get("/v1/clients")]
async fn list_clients(actor: Actor, page: web::Query<PageQuery>) -> Reply {
    let paging = page.paging(CLIENT_SORT)?;
    actor.read(move |tx| Answer::ok(&Page::new(tx.clients().list(&paging)?, &paging, None, ClientView::from)?)).await
}

/// Create a client
///
/// The answer holds the secret, this once: it is kept only as a hash.
#[utoipa::path(
    tag = "workspace",
    operation_id = "create_client",
    request_body = NewClient,
    responses((status = 201, description = "The client and its secret", body = CreatedClient)),
    security(("bearer" = ["workspace:admin"])),
)]
#[post("/v1/clients")]
async fn create_client(command: Command<NewClient>) -> Reply {
    let request = request_id::current();
    command
        .run(move |tx, new, _| {
            let (client, client_secret) = workspaces::create_client(tx, &new.name, &new.scopes)?;
            let client = ClientView::from(client);
            audit::note(tx, about(client.id, &request), None, Some(&client))?;
            let location = format!("/v1/clients/{}", client.id);
            let again = Problem::new(Kind::Conflict, "the client was created before; its secret was shown then");
            Ok(Answer::created(location, &CreatedClient { client, client_secret })?.shown_once(again))
        })
        .await
}

/// Delete a client
///
/// Its secret and its tokens are worth nothing within half a minute.
#[utoipa::path(
    tag = "workspace",
    operation_id = "delete_client",
    params(("id" = Id, Path, description = "The client")),
    responses((status = 204, description = "Deleted")),
    security(("bearer" = ["workspace:admin"])),
)]
#[delete("/v1/clients/{id}")]
async fn remove_client(PathId(id): PathId, command: Command<()>) -> Reply {
    let (state, workspace) = (command.actor.state.clone(), command.actor.workspace);
    let request = request_id::current();
    let reply = command
        .run(move |tx, (), _| {
            let client = tx.clients().find(id)?.map(ClientView::from).ok_or(Error::NotFound)?;
            tx.clients().delete(id)?;
            audit::note(tx, about(id, &request), Some(&client), None)?;
            Ok(Answer::deleted())
        })
        .await;
    state.principals.forget(workspace, PrincipalKind::Client, id);
    reply
}

/// The client `id`, which the request is about.
fn about(id: Id, request: &str) -> Subject<'_> {
    Subject { record: "client", id: Some(id), request }
}
