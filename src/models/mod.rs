//! What is: tables and rows, through Diesel, the same source for SQLite and PostgreSQL.
//!
//! Synchronous functions over `&mut DbConn`; a caller off the blocking pool is a mistake.
//! **Never:** async, actix, JSON frames, authorization.

pub mod schema;

pub mod error;

pub mod store;

pub mod engine;

pub mod migrate;

pub mod facts;

pub mod foreign;

pub mod imported;

pub mod journal;

pub mod user;

pub mod named;

pub mod login;

pub mod profile;

pub mod client_settings;

pub mod contact;

pub mod online;

pub mod conversation;

pub mod membership;

pub mod discover;
pub mod invite;
pub mod mention;
pub mod message;
pub mod pin;
pub mod reaction;
pub mod receipt;
pub mod unread;
pub mod version;

pub mod position;
pub mod posting;

pub mod attachment;

pub mod attachment_part;
pub mod call;

pub mod report;

pub mod erasure;

pub mod export;

pub mod search;

pub mod answer;

pub mod notification;

pub mod preference;

pub mod recipients;

pub mod service_token;

pub mod dashboard;

pub mod dispatch_figures;

pub mod attempt;

pub mod statistics;

pub mod notice;

pub mod backup;

pub mod people;

pub mod listing;

pub mod stored;
pub mod thread_lock;

pub mod twin;

pub mod lifecycle;

pub mod incident;
pub mod incident_image;
pub mod incident_list;

pub mod incident_views;

pub mod unit;

pub mod shift;

pub mod help_call;

pub mod hospital;

pub mod order;

pub mod timeline;

pub mod mayday;

pub mod par;
pub mod patient_log;

pub mod deadline;

pub mod etimes;

pub mod incident_csv;
pub mod incident_eido;
pub mod paramedics;
