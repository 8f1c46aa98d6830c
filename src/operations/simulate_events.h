// Simulate: fills the project's log with the events of a simulated market.
#pragma once

#include <string>

#include "operations/import_events.h"
#include "simulate/market.h"

namespace gfr {

// Appends the market's events as an import would; their source is "simulator". `truth`: a Parquet file for what only
// the simulator knows of each item shown (TrueRow, the user as its key); empty: none. kInvalidArgument when the
// market's events begin before the log ends.
Result<Imported> SimulateEvents(const Workspace& workspace, const MarketConfig& market, const std::string& truth = "");

}  // namespace gfr
