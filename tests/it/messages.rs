//! What people do with messages: reactions, pins, forwards, mentions, receipts, versions, and how
//! often they may write.
