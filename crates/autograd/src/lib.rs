//! A small tape over pooling, dropout and dense; losses, optimisers, schedules.
#![forbid(unsafe_code)]
