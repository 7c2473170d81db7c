//! Tenants, users, clients, settings.
