//! Where the features add their operations: to a worker, which serves them, or to the document, which describes them.
//!
//! A worker gathers no descriptions: they are large, and what it enforces it reads from the finished document.

use actix_web::dev::HttpServiceFactory;
use actix_web::web;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::OpenApiFactory;

/// What operations are added to.
pub enum Routes<'a> {
    /// A worker that serves them.
    Served(&'a mut web::ServiceConfig),
    /// The document that describes them.
    Described(&'a mut OpenApi),
}

impl Routes<'_> {
    /// Adds an operation.
    pub fn service<F>(&mut self, operation: F) -> &mut Self
    where
        F: HttpServiceFactory + OpenApiFactory + 'static,
    {
        match self {
            Self::Served(worker) => {
                worker.service(operation);
            }
            Self::Described(document) => {
                let mut schemas = Vec::new();
                operation.schemas(&mut schemas);
                document.paths.merge(operation.paths());
                document.components.get_or_insert_default().schemas.extend(schemas);
            }
        }
        self
    }

    /// Adds all that `feature` adds.
    pub fn configure(&mut self, feature: impl FnOnce(&mut Routes<'_>)) -> &mut Self {
        feature(self);
        self
    }
}
