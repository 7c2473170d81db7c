//! The tables as diesel sees them: the same on both databases. `migrations/` is what makes them; a test compares the two.

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::db::types::{Instant, Json, Uuid};

    workspaces (id) {
        id -> Uuid,
        key -> Text,
        name -> Text,
        settings -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    users (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        email -> Text,
        email_key -> Text,
        role -> Text,
        teams -> Json,
        rank -> Nullable<BigInt>,
        product_lines -> Json,
        capacity -> Nullable<BigInt>,
        away_until -> Nullable<Instant>,
        disabled -> Bool,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Text};
    use crate::db::types::{Instant, Json, Uuid};

    clients (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        secret_hash -> Text,
        scopes -> Json,
        disabled -> Bool,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    idempotency_keys (workspace_id, principal, method, path, key) {
        workspace_id -> Uuid,
        principal -> Text,
        method -> Text,
        path -> Text,
        key -> Text,
        fingerprint -> Text,
        lease -> Uuid,
        lease_until -> Instant,
        answer -> Nullable<Json>,
        expires_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    accounts (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        search_key -> Text,
        domain -> Nullable<Text>,
        industry -> Nullable<Text>,
        employees -> Nullable<BigInt>,
        annual_revenue_minor -> Nullable<BigInt>,
        annual_revenue_currency -> Nullable<Text>,
        country -> Nullable<Text>,
        tax_id -> Nullable<Text>,
        registration_number -> Nullable<Text>,
        owner_id -> Nullable<Uuid>,
        attributes -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    contacts (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        search_key -> Text,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        phone -> Nullable<Text>,
        phone_key -> Nullable<Text>,
        mobile -> Nullable<Text>,
        mobile_key -> Nullable<Text>,
        external_id -> Nullable<Text>,
        job_title -> Nullable<Text>,
        decision_role -> Nullable<Text>,
        language -> Nullable<Text>,
        address -> Json,
        account_id -> Nullable<Uuid>,
        owner_id -> Nullable<Uuid>,
        marketing_only -> Bool,
        consents -> Json,
        first_source -> Nullable<Text>,
        attributes -> Json,
        merged_into_id -> Nullable<Uuid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Text};
    use crate::db::types::{Instant, Uuid};

    contact_anonymous_ids (workspace_id, anonymous_id) {
        workspace_id -> Uuid,
        anonymous_id -> Text,
        contact_id -> Uuid,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Text};
    use crate::db::types::{Instant, Json, Uuid};

    matching_strategies (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        key -> Text,
        target -> Text,
        definition -> Json,
        is_default -> Bool,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    matching_strategy_versions (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        key -> Text,
        strategy_version -> BigInt,
        definition -> Json,
        changed_by -> Nullable<Uuid>,
        at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::db::types::{Instant, Json, Uuid};

    forms (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        key -> Text,
        name -> Text,
        status -> Text,
        definition -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    leads (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        topic -> Nullable<Text>,
        contact_id -> Nullable<Uuid>,
        account_id -> Nullable<Uuid>,
        captured -> Json,
        email_key -> Nullable<Text>,
        form_id -> Nullable<Uuid>,
        campaign -> Nullable<Text>,
        product_line -> Nullable<Text>,
        source -> Text,
        source_detail -> Nullable<Text>,
        channel_class -> Text,
        utm -> Json,
        referrer_contact_id -> Nullable<Uuid>,
        status -> Text,
        status_reason -> Nullable<Text>,
        process -> Text,
        stage -> Nullable<Text>,
        stage_since -> Instant,
        owner_id -> Nullable<Uuid>,
        flags -> Json,
        temperature -> Nullable<Text>,
        score -> BigInt,
        origin_key -> Nullable<Text>,
        attributes -> Json,
        search_key -> Text,
        merged_into_id -> Nullable<Uuid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
        phone_key -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    stage_changes (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        lead_id -> Uuid,
        process -> Text,
        from_stage -> Nullable<Text>,
        to_stage -> Text,
        cause -> Text,
        actor_id -> Nullable<Uuid>,
        note -> Nullable<Text>,
        at -> Instant,
        seconds_in_stage -> Nullable<BigInt>,
        from_process -> Nullable<Text>,
        reason -> Nullable<Text>,
        overridden -> Nullable<Json>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::db::types::{Instant, Json, Uuid};

    processes (workspace_id, key) {
        workspace_id -> Uuid,
        key -> Text,
        definition -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::Nullable;
    use crate::db::types::{Instant, Uuid};

    stage_deadlines (workspace_id, lead_id) {
        workspace_id -> Uuid,
        lead_id -> Uuid,
        since -> Instant,
        due_at -> Nullable<Instant>,
        check_at -> Nullable<Instant>,
        breached_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    service_level_breaches (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        lead_id -> Uuid,
        process -> Text,
        stage -> Text,
        temperature -> Nullable<Text>,
        owner_id -> Nullable<Uuid>,
        since -> Instant,
        due_at -> Instant,
        found_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    submissions (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        form_id -> Uuid,
        form_version -> BigInt,
        received_at -> Instant,
        payload -> Json,
        original_payload -> Nullable<Json>,
        fingerprint -> Text,
        client_key -> Nullable<Text>,
        form_token -> Nullable<Uuid>,
        remote_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        status -> Text,
        reason -> Nullable<Text>,
        outcome -> Json,
        contact_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        interaction_id -> Nullable<Uuid>,
        version -> BigInt,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    match_decisions (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        target -> Text,
        channel -> Text,
        submission_id -> Nullable<Uuid>,
        decision -> Json,
        effect -> Text,
        record_id -> Nullable<Uuid>,
        at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::db::types::{Instant, Uuid};

    interaction_kinds (workspace_id, key) {
        workspace_id -> Uuid,
        key -> Text,
        name -> Text,
        created_at -> Instant,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    interactions (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        occurred_at -> Instant,
        recorded_at -> Instant,
        contact_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        email_key -> Nullable<Text>,
        phone_key -> Nullable<Text>,
        external_person_id -> Nullable<Text>,
        anonymous_id -> Nullable<Text>,
        asset -> Nullable<Text>,
        campaign -> Nullable<Text>,
        form_id -> Nullable<Uuid>,
        properties -> Json,
        source -> Nullable<Text>,
        external_id -> Nullable<Text>,
        sender_id -> Nullable<Uuid>,
        cause -> Nullable<Text>,
        evidence -> Text,
        voided_at -> Nullable<Instant>,
        remote_address -> Nullable<Text>,
        network_key -> Nullable<Text>,
        reply_to_id -> Nullable<Uuid>,
        reply_to_source -> Nullable<Text>,
        reply_to_external_id -> Nullable<Text>,
        void_id -> Nullable<Uuid>,
        void_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    interaction_voids (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        selection -> Json,
        reason -> Text,
        status -> Text,
        voided -> BigInt,
        reached_at -> Nullable<Instant>,
        reached_id -> Nullable<Uuid>,
        created_by -> Nullable<Uuid>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool};
    use crate::db::types::Uuid;

    interaction_void_leads (workspace_id, void_id, lead_id) {
        workspace_id -> Uuid,
        id -> Uuid,
        void_id -> Uuid,
        lead_id -> Uuid,
        sales_ready -> Bool,
        stage -> Bool,
        score_before -> BigInt,
        score_after -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    scoring_models (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        status -> Text,
        live_version -> Nullable<BigInt>,
        draft -> Nullable<Json>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
        shadow_of -> Nullable<Uuid>,
        keeps_scores -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt};
    use crate::db::types::{Instant, Json, Uuid};

    scoring_model_versions (workspace_id, model_id, model_version) {
        workspace_id -> Uuid,
        model_id -> Uuid,
        model_version -> BigInt,
        definition -> Json,
        published_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    lead_scores (workspace_id, lead_id, model_id) {
        workspace_id -> Uuid,
        lead_id -> Uuid,
        model_id -> Uuid,
        model_version -> BigInt,
        score -> BigInt,
        grade -> Text,
        shares -> Json,
        reached -> Bool,
        evaluated_at -> Instant,
        due_at -> Nullable<Instant>,
        whose_id -> Nullable<Uuid>,
        tally -> Nullable<Binary>,
        assets_revision -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::db::types::{Instant, Uuid};

    leases (name) {
        name -> Text,
        holder -> Uuid,
        until -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    score_entries (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        lead_id -> Uuid,
        model_id -> Uuid,
        model_version -> BigInt,
        rule -> Text,
        points -> BigInt,
        cause -> Text,
        interaction_id -> Nullable<Uuid>,
        at -> Instant,
        recorded_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    events (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        #[sql_name = "type"]
        kind -> Text,
        contact_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        data -> Json,
        at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    jobs (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        state -> Text,
        input -> Json,
        position -> Json,
        items_done -> BigInt,
        items_total -> Nullable<BigInt>,
        result -> Json,
        error -> Nullable<Text>,
        attempts -> BigInt,
        lease -> Nullable<Uuid>,
        due_at -> Nullable<Instant>,
        created_by -> Nullable<Uuid>,
        created_at -> Instant,
        updated_at -> Instant,
        finished_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use crate::db::types::{Json, Uuid};

    field_sources (workspace_id, record_id) {
        workspace_id -> Uuid,
        record_id -> Uuid,
        fields -> Json,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    proposals (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        contact_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        field -> Text,
        value -> Text,
        value_key -> Text,
        known -> Nullable<Text>,
        account_id -> Nullable<Uuid>,
        submission_id -> Uuid,
        form_id -> Uuid,
        times -> BigInt,
        last_sent_at -> Instant,
        status -> Text,
        note -> Nullable<Text>,
        decided_by -> Nullable<Uuid>,
        decided_at -> Nullable<Instant>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    confirmations (workspace_id, submission_id) {
        workspace_id -> Uuid,
        submission_id -> Uuid,
        email -> Text,
        email_key -> Text,
        letters -> BigInt,
        asked_at -> Instant,
        expires_at -> Instant,
        sent_at -> Nullable<Instant>,
        confirmed_at -> Nullable<Instant>,
        remote_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::db::types::{Instant, Uuid};

    confirmation_links (workspace_id, token_hash) {
        workspace_id -> Uuid,
        token_hash -> Text,
        submission_id -> Uuid,
        made_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::db::types::{Instant, Json, Uuid};

    ad_responses (workspace_id, source, external_id) {
        workspace_id -> Uuid,
        source -> Text,
        external_id -> Text,
        submission_id -> Uuid,
        raw -> Json,
        received_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    merges (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        survivor_id -> Uuid,
        loser_id -> Uuid,
        because -> Text,
        fields -> Json,
        moved -> Json,
        snapshot -> Json,
        merged_at -> Instant,
        merged_by -> Nullable<Uuid>,
        undone_at -> Nullable<Instant>,
        undone_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::db::types::Uuid;

    merge_moves (workspace_id, merge_id, link, record_id) {
        workspace_id -> Uuid,
        merge_id -> Uuid,
        link -> Text,
        record_id -> Uuid,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    assets (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        key -> Text,
        name -> Text,
        search_key -> Text,
        kind -> Text,
        stage -> Nullable<Text>,
        readiness_percent -> Nullable<BigInt>,
        revision -> BigInt,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    asset_revisions (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        revision -> BigInt,
        asset_id -> Uuid,
        asset_key -> Text,
        before -> Nullable<Json>,
        after -> Nullable<Json>,
        at -> Instant,
        by -> Nullable<Uuid>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    score_studies (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        model_id -> Uuid,
        kind -> Text,
        job_id -> Uuid,
        question -> Json,
        report -> Nullable<Json>,
        created_by -> Nullable<Uuid>,
        created_at -> Instant,
        finished_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    backtest_leads (workspace_id, backtest_id, lead_id) {
        workspace_id -> Uuid,
        id -> Uuid,
        backtest_id -> Uuid,
        lead_id -> Uuid,
        outcome -> Text,
        decided_at -> Nullable<Instant>,
        ready_at -> Nullable<Instant>,
        score -> BigInt,
        grade -> Text,
        compared_ready_at -> Nullable<Instant>,
        compared_score -> Nullable<BigInt>,
        compared_grade -> Nullable<Text>,
        opportunity -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    audit_entries (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        record -> Text,
        record_id -> Nullable<Uuid>,
        action -> Text,
        actor_id -> Nullable<Uuid>,
        request_id -> Text,
        before -> Nullable<Json>,
        after -> Nullable<Json>,
        at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    assignment_rules (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        position -> BigInt,
        moment -> Text,
        condition -> Nullable<Json>,
        mode -> Text,
        target -> Nullable<Json>,
        weights -> Json,
        otherwise -> Text,
        enabled -> Bool,
        round -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    lead_assignments (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        lead_id -> Uuid,
        from_owner_id -> Nullable<Uuid>,
        to_owner_id -> Nullable<Uuid>,
        cause -> Text,
        rule_id -> Nullable<Uuid>,
        mode -> Nullable<Text>,
        overridden -> Bool,
        note -> Nullable<Text>,
        actor_id -> Nullable<Uuid>,
        at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    unassigned_leads (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        lead_id -> Uuid,
        moment -> Text,
        reason -> Text,
        rule_id -> Nullable<Uuid>,
        since -> Instant,
        tried_at -> Instant,
        try_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Uuid};

    tasks (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        title -> Text,
        note -> Nullable<Text>,
        lead_id -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        assignee_id -> Nullable<Uuid>,
        role -> Nullable<Text>,
        due_at -> Instant,
        status -> Text,
        result -> Nullable<Text>,
        outcome -> Nullable<Text>,
        done_at -> Nullable<Instant>,
        done_by -> Nullable<Uuid>,
        cancelled_because -> Nullable<Text>,
        interaction_id -> Nullable<Uuid>,
        cause -> Text,
        stage -> Nullable<Text>,
        overdue_told_at -> Nullable<Instant>,
        warn_at -> Nullable<Instant>,
        created_by -> Nullable<Uuid>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    alert_rules (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        kind -> Text,
        score -> Nullable<BigInt>,
        kinds -> Nullable<Json>,
        leads -> Text,
        enabled -> Bool,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    alerts (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        kind -> Text,
        lead_id -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        detail -> Json,
        read_at -> Nullable<Instant>,
        version -> BigInt,
        at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    opportunities (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        search_key -> Text,
        contact_id -> Nullable<Uuid>,
        account_id -> Nullable<Uuid>,
        lead_id -> Nullable<Uuid>,
        owner_id -> Nullable<Uuid>,
        amount_minor -> Nullable<BigInt>,
        amount_currency -> Nullable<Text>,
        expected_close_on -> Nullable<Text>,
        status -> Text,
        reason -> Nullable<Text>,
        note -> Nullable<Text>,
        closed_at -> Nullable<Instant>,
        attributes -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::db::types::{Instant, Json, Uuid};

    lead_closings (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        lead_id -> Uuid,
        status -> Text,
        reason -> Nullable<Text>,
        note -> Nullable<Text>,
        stage -> Nullable<Text>,
        closed_at -> Instant,
        closed_by -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        account_id -> Nullable<Uuid>,
        opportunity_id -> Nullable<Uuid>,
        carried -> Json,
        goodbye -> Nullable<Json>,
        recycle_on -> Nullable<Text>,
        recycle_due_at -> Nullable<Instant>,
        reopened_at -> Nullable<Instant>,
        reopened_by -> Nullable<Uuid>,
        reopened_as -> Nullable<Text>,
        reopening_note -> Nullable<Text>,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::db::types::Uuid;

    lead_origins (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        lead_id -> Uuid,
        kind -> Text,
        origin_lead_id -> Nullable<Uuid>,
        opportunity_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::db::types::{Instant, Uuid};

    message_templates (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        key -> Text,
        subject -> Text,
        text -> Text,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    ad_responses,
    alert_rules,
    alerts,
    asset_revisions,
    assets,
    assignment_rules,
    audit_entries,
    backtest_leads,
    clients,
    confirmation_links,
    confirmations,
    contact_anonymous_ids,
    contacts,
    events,
    field_sources,
    forms,
    idempotency_keys,
    interaction_kinds,
    interaction_void_leads,
    interaction_voids,
    interactions,
    jobs,
    lead_assignments,
    lead_closings,
    lead_origins,
    lead_scores,
    leads,
    leases,
    match_decisions,
    matching_strategies,
    matching_strategy_versions,
    merge_moves,
    merges,
    message_templates,
    opportunities,
    processes,
    proposals,
    score_entries,
    score_studies,
    scoring_model_versions,
    scoring_models,
    service_level_breaches,
    stage_changes,
    stage_deadlines,
    submissions,
    tasks,
    unassigned_leads,
    users,
    workspaces,
);
