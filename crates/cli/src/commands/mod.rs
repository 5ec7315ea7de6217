//! One file per command.

pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod contract;
mod contract_apply;
mod contract_backtest;
pub(crate) mod contract_paused;
pub(crate) mod demo;
pub(crate) mod desk;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod learned;
pub(crate) mod opt_out;
pub(crate) mod probe;
pub(crate) mod readiness;
pub(crate) mod reconcile;
pub(crate) mod rollback;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod twin;
pub(crate) mod user;
pub(crate) mod volume;
