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
diesel::joinable!(answers -> users (user_id));
diesel::joinable!(connection_attempts -> users (user_id));
diesel::joinable!(profiles -> users (user_id));
diesel::joinable!(client_settings -> users (user_id));
diesel::joinable!(contacts -> users (person_id));
diesel::joinable!(people_online -> nodes (node_id));

diesel::allow_tables_to_appear_in_same_query!(
    answers,
    api_tokens,
    client_settings,
    connection_attempts,
    contacts,
    conversations,
    facts,
    imported_rows,
    journal,
    logins,
    memberships,
    messages,
    nodes,
    notices,
    password_resets,
    people_online,
    profiles,
    refresh_tokens,
    topics,
    users,
);
