// @generated from the migrations; never edited by hand otherwise.

diesel::table! {
    users (id) {
        id -> BigInt,
        username -> Text,
        username_key -> Text,
        email -> Text,
        email_key -> Nullable<Text>,
        phone -> Nullable<Text>,
        password -> Text,
        first_name -> Text,
        last_name -> Text,
        display_name -> Text,
        role -> Text,
        title -> Text,
        is_active -> Bool,
        is_staff -> Bool,
        is_superuser -> Bool,
        is_available -> Bool,
        last_login -> Nullable<Timestamp>,
        date_joined -> Timestamp,
        credentials_changed_at -> Timestamp,
        read_receipts -> Bool,
        avatar -> Nullable<Text>,
    }
}

diesel::table! {
    logins (id) {
        id -> BigInt,
        user_id -> BigInt,
        cookie_hash -> Nullable<Text>,
        client_ip -> Text,
        user_agent -> Text,
        created_at -> Timestamp,
        seen_at -> Timestamp,
        expires_at -> Timestamp,
        ends_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> BigInt,
        user_id -> BigInt,
        login_id -> Nullable<BigInt>,
        token_hash -> Text,
        name -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        purpose -> Nullable<Text>,
    }
}

diesel::table! {
    refresh_tokens (id) {
        id -> BigInt,
        login_id -> BigInt,
        token_hash -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    password_resets (id) {
        id -> BigInt,
        user_id -> BigInt,
        token_hash -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    topics (id) {
        id -> BigInt,
        name -> Text,
        head -> BigInt,
        pruned -> BigInt,
    }
}

diesel::table! {
    journal (topic_id, seq) {
        topic_id -> BigInt,
        seq -> BigInt,
        kind -> Text,
        actor_id -> Nullable<BigInt>,
        entity_id -> Nullable<BigInt>,
        delta -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    conversations (id) {
        id -> BigInt,
        topic_id -> BigInt,
        kind -> Text,
        name -> Nullable<Text>,
        direct_key -> Nullable<Text>,
        title -> Text,
        description -> Text,
        owner_id -> Nullable<BigInt>,
        is_public -> Bool,
        invite_link -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        posted -> BigInt,
        deleted -> BigInt,
        slow_mode_s -> BigInt,
        search_key -> Text,
        avatar -> Nullable<Text>,
    }
}

diesel::table! {
    memberships (conversation_id, user_id) {
        conversation_id -> BigInt,
        user_id -> BigInt,
        role -> Text,
        nickname -> Text,
        muted_until -> Nullable<Timestamp>,
        joined_at -> Timestamp,
        read_seq -> BigInt,
        read_at -> Nullable<Timestamp>,
        read_number -> BigInt,
        delivered_seq -> BigInt,
        delivered_at -> Nullable<Timestamp>,
        mentioned_seq -> BigInt,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        conversation_id -> BigInt,
        seq -> BigInt,
        sender_id -> Nullable<BigInt>,
        client_id -> Nullable<Text>,
        message_type -> Text,
        content -> Text,
        reply_to -> Nullable<BigInt>,
        created_at -> Timestamp,
        edited_at -> Nullable<Timestamp>,
        deleted_at -> Nullable<Timestamp>,
        deleted_by -> Nullable<BigInt>,
        number -> BigInt,
        forward_of -> Nullable<BigInt>,
        forward_sender -> Nullable<BigInt>,
        sender_name -> Nullable<Text>,
    }
}

diesel::table! {
    thread_locks (message_id) {
        message_id -> BigInt,
        locked_by -> Nullable<BigInt>,
        locked_at -> Timestamp,
    }
}

diesel::table! {
    help_calls (digest) {
        digest -> Text,
        incident_id -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    twin_sends (message_id) {
        message_id -> BigInt,
        conversation_id -> BigInt,
        sender_id -> BigInt,
        content_hash -> Text,
        side -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    reactions (message_id, emoji, user_id) {
        message_id -> BigInt,
        emoji -> Text,
        user_id -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    pins (message_id) {
        message_id -> BigInt,
        conversation_id -> BigInt,
        pinned_by -> Nullable<BigInt>,
        pinned_at -> Timestamp,
    }
}

diesel::table! {
    mentions (message_id, user_id) {
        message_id -> BigInt,
        user_id -> BigInt,
        conversation_id -> BigInt,
        seq -> BigInt,
    }
}

diesel::table! {
    message_versions (message_id, version) {
        message_id -> BigInt,
        version -> BigInt,
        content -> Text,
        written_at -> Timestamp,
    }
}

diesel::table! {
    invites (id) {
        id -> BigInt,
        conversation_id -> BigInt,
        token_hash -> Text,
        created_by -> Nullable<BigInt>,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        max_uses -> Nullable<BigInt>,
        uses -> BigInt,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    attachments (id) {
        id -> BigInt,
        object_key -> Text,
        uploader_id -> Nullable<BigInt>,
        name -> Text,
        content_type -> Text,
        size_bytes -> BigInt,
        received_bytes -> BigInt,
        sha256 -> Nullable<Text>,
        width -> Nullable<Integer>,
        height -> Nullable<Integer>,
        thumbnail_type -> Nullable<Text>,
        message_id -> Nullable<BigInt>,
        place -> Integer,
        holder -> Nullable<Text>,
        created_at -> Timestamp,
        touched_at -> Timestamp,
        ready_at -> Nullable<Timestamp>,
        doomed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    attachment_parts (id) {
        id -> BigInt,
        attachment_id -> BigInt,
        first_byte -> BigInt,
        size_bytes -> Nullable<BigInt>,
        object_key -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    answers (user_id, command, topic, client_id) {
        user_id -> BigInt,
        command -> Text,
        topic -> Text,
        client_id -> Text,
        answer -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    connection_attempts (id) {
        id -> BigInt,
        client_ip -> Nullable<Text>,
        user_agent -> Text,
        path -> Text,
        user_id -> Nullable<BigInt>,
        username -> Text,
        role -> Text,
        stage -> Text,
        outcome -> Text,
        successful -> Bool,
        close_code -> Nullable<Integer>,
        reason -> Text,
        started_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        duration_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    facts (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    nodes (id) {
        id -> Text,
        started_at -> Timestamp,
        seen_at -> Timestamp,
        has_layer -> Bool,
    }
}

diesel::table! {
    notifications (id) {
        id -> BigInt,
        user_id -> BigInt,
        place -> BigInt,
        kind -> Text,
        priority -> Text,
        title -> Text,
        message -> Text,
        object_type -> Nullable<Text>,
        object_id -> Nullable<Text>,
        action_url -> Nullable<Text>,
        facts -> Nullable<Text>,
        actor_id -> Nullable<BigInt>,
        group_key -> Nullable<Text>,
        times -> BigInt,
        is_quiet -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        seen_at -> Nullable<Timestamp>,
        read_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    notification_preferences (user_id, kind) {
        user_id -> BigInt,
        kind -> Text,
        loudness -> Text,
    }
}

diesel::table! {
    quiet_hours (user_id) {
        user_id -> BigInt,
        zone -> Text,
        begins -> Integer,
        ends -> Integer,
    }
}

diesel::table! {
    notices (id) {
        id -> BigInt,
        user_id -> BigInt,
        reason -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    profiles (user_id) {
        user_id -> BigInt,
        avatar -> Nullable<Text>,
        status_message -> Text,
        bio -> Text,
        date_of_birth -> Nullable<Text>,
        country -> Text,
        city -> Text,
        website -> Text,
        show_phone_number -> Bool,
        show_last_seen -> Bool,
        show_profile_photo -> Bool,
        show_read_receipts -> Bool,
        allow_calls -> Bool,
        allow_group_invite -> Bool,
        last_seen_at -> Nullable<Timestamp>,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    client_settings (user_id) {
        user_id -> BigInt,
        enable_notifications -> Bool,
        notification_sound -> Bool,
        message_preview -> Bool,
        enter_to_send -> Bool,
        auto_download_photos -> Bool,
        auto_download_videos -> Bool,
        auto_download_files -> Bool,
        two_factor_enabled -> Bool,
        show_typing_indicator -> Bool,
        theme -> Text,
        font_size -> Text,
        language -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    contacts (id) {
        id -> BigInt,
        owner_id -> BigInt,
        person_id -> BigInt,
        nickname -> Text,
        is_listed -> Bool,
        is_favorite -> Bool,
        is_blocked -> Bool,
        created_at -> Timestamp,
    }
}

diesel::table! {
    people_online (node_id, user_id) {
        node_id -> Text,
        user_id -> BigInt,
    }
}

diesel::table! {
    hospitals (id) {
        id -> BigInt,
        name -> Text,
        address -> Text,
        latitude -> Nullable<Integer>,
        longitude -> Nullable<Integer>,
        phone -> Text,
        total_beds -> Integer,
        available_beds -> Integer,
        emergency_load -> Text,
        specialties -> Text,
        diversion_reason -> Nullable<Text>,
        diversion_since -> Nullable<Timestamp>,
        diversion_ends_at -> Nullable<Timestamp>,
        diversion_by -> Nullable<BigInt>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        retired_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    units (id) {
        id -> BigInt,
        unit_number -> Text,
        unit_type -> Text,
        capabilities -> Text,
        equipment -> Text,
        max_patients -> Integer,
        status -> Text,
        status_since -> Timestamp,
        paramedic_id -> Nullable<BigInt>,
        latitude -> Nullable<Integer>,
        longitude -> Nullable<Integer>,
        accuracy_m -> Nullable<Integer>,
        heading_deg -> Nullable<Integer>,
        speed_kmh -> Nullable<Integer>,
        fixed_at -> Nullable<Timestamp>,
        position_at -> Nullable<Timestamp>,
        home_name -> Text,
        home_latitude -> Nullable<Integer>,
        home_longitude -> Nullable<Integer>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        retired_at -> Nullable<Timestamp>,
        stale_at -> Nullable<Timestamp>,
        lost_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    unit_trail (id) {
        id -> BigInt,
        unit_id -> BigInt,
        latitude -> Integer,
        longitude -> Integer,
        accuracy_m -> Nullable<Integer>,
        heading_deg -> Nullable<Integer>,
        speed_kmh -> Nullable<Integer>,
        fixed_at -> Timestamp,
        received_at -> Timestamp,
    }
}

diesel::table! {
    shifts (id) {
        id -> BigInt,
        unit_id -> BigInt,
        user_id -> BigInt,
        duty -> Text,
        since -> Timestamp,
        until -> Nullable<Timestamp>,
        rest_until -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
        ended_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    incidents (id) {
        id -> BigInt,
        call_id -> Text,
        conversation_id -> Nullable<BigInt>,
        status -> Text,
        incident_type -> Text,
        determinant -> Text,
        priority -> Text,
        caller_name -> Text,
        caller_phone -> Text,
        description -> Text,
        address -> Text,
        latitude -> Nullable<Integer>,
        longitude -> Nullable<Integer>,
        dispatcher_id -> Nullable<BigInt>,
        hospital_id -> Nullable<BigInt>,
        hospital_destination -> Text,
        duplicate_of -> Nullable<BigInt>,
        close_reason -> Text,
        version -> BigInt,
        received_at -> Timestamp,
        dispatched_at -> Nullable<Timestamp>,
        en_route_at -> Nullable<Timestamp>,
        on_scene_at -> Nullable<Timestamp>,
        transporting_at -> Nullable<Timestamp>,
        at_hospital_at -> Nullable<Timestamp>,
        closed_at -> Nullable<Timestamp>,
        locks_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    incident_patients (incident_id) {
        incident_id -> BigInt,
        name -> Text,
        age -> Nullable<Integer>,
        condition -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    incident_images (id) {
        id -> BigInt,
        incident_id -> BigInt,
        file -> Text,
        content_type -> Text,
        bytes -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    orders (id) {
        id -> BigInt,
        incident_id -> BigInt,
        unit_id -> BigInt,
        state -> Text,
        stage -> Text,
        priority -> Text,
        note -> Text,
        ordered_by -> Nullable<BigInt>,
        paramedic_id -> Nullable<BigInt>,
        override_reason -> Nullable<Text>,
        sent_at -> Timestamp,
        delivered_at -> Nullable<Timestamp>,
        seen_at -> Nullable<Timestamp>,
        answered_at -> Nullable<Timestamp>,
        answered_by -> Nullable<BigInt>,
        decline_reason -> Nullable<Text>,
        en_route_at -> Nullable<Timestamp>,
        on_scene_at -> Nullable<Timestamp>,
        transporting_at -> Nullable<Timestamp>,
        at_hospital_at -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
        ended_by -> Nullable<BigInt>,
        end_reason -> Nullable<Text>,
        repeats -> Integer,
        repeat_at -> Nullable<Timestamp>,
        escalate_at -> Nullable<Timestamp>,
        escalated_at -> Nullable<Timestamp>,
        escalations -> Integer,
        nobody_heard -> Bool,
    }
}

diesel::table! {
    order_crew (order_id, user_id) {
        order_id -> BigInt,
        user_id -> BigInt,
        delivered_at -> Nullable<Timestamp>,
        seen_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    timeline (id) {
        id -> BigInt,
        incident_id -> Nullable<BigInt>,
        unit_id -> Nullable<BigInt>,
        order_id -> Nullable<BigInt>,
        kind -> Text,
        actor_id -> Nullable<BigInt>,
        actor_name -> Text,
        from_status -> Nullable<Text>,
        to_status -> Nullable<Text>,
        detail -> Text,
        at -> Timestamp,
        device_at -> Nullable<Timestamp>,
        utc_offset_min -> Integer,
        server_at -> Timestamp,
        client_id -> Nullable<Text>,
    }
}

diesel::table! {
    patient_reads (id) {
        id -> BigInt,
        incident_id -> Nullable<BigInt>,
        user_id -> Nullable<BigInt>,
        username -> Text,
        way -> Text,
        at -> Timestamp,
    }
}

diesel::table! {
    maydays (id) {
        id -> BigInt,
        unit_id -> Nullable<BigInt>,
        incident_id -> Nullable<BigInt>,
        raised_by -> Nullable<BigInt>,
        note -> Text,
        latitude -> Nullable<Integer>,
        longitude -> Nullable<Integer>,
        raised_at -> Timestamp,
        device_at -> Nullable<Timestamp>,
        acknowledged_at -> Nullable<Timestamp>,
        acknowledged_by -> Nullable<BigInt>,
        ended_at -> Nullable<Timestamp>,
        ended_by -> Nullable<BigInt>,
        end_reason -> Text,
        repeats -> Integer,
        repeat_at -> Nullable<Timestamp>,
        nobody_heard -> Bool,
    }
}

diesel::table! {
    par_timers (incident_id) {
        incident_id -> BigInt,
        every_ms -> BigInt,
        due_at -> Nullable<Timestamp>,
        checked_at -> Nullable<Timestamp>,
        checked_by -> Nullable<BigInt>,
        overdue_since -> Nullable<Timestamp>,
        notices -> Integer,
        nobody_heard -> Bool,
    }
}

diesel::table! {
    calls (id) {
        id -> BigInt,
        conversation_id -> BigInt,
        kind -> Text,
        state -> Text,
        caller_id -> Nullable<BigInt>,
        created_at -> Timestamp,
        ring_until -> Timestamp,
        answered_at -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
        ended_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    call_participants (call_id, user_id) {
        call_id -> BigInt,
        user_id -> BigInt,
        state -> Text,
        joined_at -> Nullable<Timestamp>,
        left_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    reports (id) {
        id -> BigInt,
        reporter_id -> Nullable<BigInt>,
        person_id -> Nullable<BigInt>,
        message_id -> Nullable<BigInt>,
        conversation_id -> Nullable<BigInt>,
        reason -> Text,
        note -> Text,
        excerpt -> Text,
        state -> Text,
        created_at -> Timestamp,
        resolved_at -> Nullable<Timestamp>,
        resolved_by -> Nullable<BigInt>,
        resolution -> Text,
    }
}

diesel::table! {
    erasures (id) {
        id -> BigInt,
        user_id -> BigInt,
        asked_by -> Nullable<BigInt>,
        removes_messages -> Bool,
        asked_at -> Timestamp,
        messages -> BigInt,
        conversations -> BigInt,
        done_at -> Nullable<Timestamp>,
    }
}

diesel::joinable!(notices -> users (user_id));
diesel::joinable!(logins -> users (user_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(api_tokens -> logins (login_id));
diesel::joinable!(refresh_tokens -> logins (login_id));
diesel::joinable!(password_resets -> users (user_id));
diesel::joinable!(journal -> topics (topic_id));
diesel::joinable!(conversations -> topics (topic_id));
diesel::joinable!(conversations -> users (owner_id));
diesel::joinable!(memberships -> conversations (conversation_id));
diesel::table! {
    imported_rows (origin, source_table, source_id) {
        origin -> Text,
        source_table -> Text,
        source_id -> Text,
        local_id -> BigInt,
        imported_at -> Timestamp,
    }
}

diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(messages -> conversations (conversation_id));
diesel::joinable!(help_calls -> incidents (incident_id));
diesel::joinable!(thread_locks -> messages (message_id));
diesel::joinable!(twin_sends -> messages (message_id));
diesel::joinable!(reactions -> messages (message_id));
diesel::joinable!(reactions -> users (user_id));
diesel::joinable!(pins -> messages (message_id));
diesel::joinable!(pins -> conversations (conversation_id));
diesel::joinable!(mentions -> messages (message_id));
diesel::joinable!(mentions -> users (user_id));
diesel::joinable!(message_versions -> messages (message_id));
diesel::joinable!(invites -> conversations (conversation_id));
diesel::joinable!(attachments -> users (uploader_id));
diesel::joinable!(attachments -> messages (message_id));
diesel::joinable!(attachment_parts -> attachments (attachment_id));
diesel::joinable!(answers -> users (user_id));
diesel::joinable!(connection_attempts -> users (user_id));
diesel::joinable!(notifications -> users (user_id));
diesel::joinable!(notification_preferences -> users (user_id));
diesel::joinable!(quiet_hours -> users (user_id));
diesel::joinable!(profiles -> users (user_id));
diesel::joinable!(client_settings -> users (user_id));
diesel::joinable!(contacts -> users (person_id));
diesel::joinable!(people_online -> nodes (node_id));
diesel::joinable!(hospitals -> users (diversion_by));
diesel::joinable!(units -> users (paramedic_id));
diesel::joinable!(unit_trail -> units (unit_id));
diesel::joinable!(shifts -> units (unit_id));
diesel::joinable!(incidents -> conversations (conversation_id));
diesel::joinable!(incidents -> users (dispatcher_id));
diesel::joinable!(incidents -> hospitals (hospital_id));
diesel::joinable!(incident_patients -> incidents (incident_id));
diesel::joinable!(incident_images -> incidents (incident_id));
diesel::joinable!(orders -> incidents (incident_id));
diesel::joinable!(orders -> units (unit_id));
diesel::joinable!(order_crew -> orders (order_id));
diesel::joinable!(order_crew -> users (user_id));
diesel::joinable!(timeline -> incidents (incident_id));
diesel::joinable!(timeline -> units (unit_id));
diesel::joinable!(timeline -> orders (order_id));
diesel::joinable!(timeline -> users (actor_id));
diesel::joinable!(patient_reads -> incidents (incident_id));
diesel::joinable!(patient_reads -> users (user_id));
diesel::joinable!(maydays -> units (unit_id));
diesel::joinable!(maydays -> incidents (incident_id));
diesel::joinable!(par_timers -> incidents (incident_id));
diesel::joinable!(par_timers -> users (checked_by));
diesel::joinable!(call_participants -> calls (call_id));

diesel::allow_tables_to_appear_in_same_query!(
    answers,
    api_tokens,
    attachment_parts,
    attachments,
    call_participants,
    calls,
    client_settings,
    connection_attempts,
    contacts,
    conversations,
    erasures,
    facts,
    help_calls,
    hospitals,
    imported_rows,
    incident_images,
    incident_patients,
    incidents,
    invites,
    journal,
    logins,
    maydays,
    memberships,
    mentions,
    message_versions,
    messages,
    nodes,
    notification_preferences,
    notifications,
    notices,
    order_crew,
    orders,
    par_timers,
    password_resets,
    quiet_hours,
    patient_reads,
    people_online,
    pins,
    profiles,
    reactions,
    refresh_tokens,
    reports,
    shifts,
    thread_locks,
    timeline,
    topics,
    twin_sends,
    unit_trail,
    units,
    users,
);
