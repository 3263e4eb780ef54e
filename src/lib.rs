//! sockeye: packets, connections and what happened to them.
