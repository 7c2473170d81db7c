use utoipa_actix_web::service_config::ServiceConfig;

/// The paths of this feature.
pub fn routes(_: &mut ServiceConfig<'_>) {}
