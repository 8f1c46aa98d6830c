// The clients of `gfr demo`: they ask a server for feeds, and send what their users then do.
//
// On a simulated market its users visit and react; on an imported log its last slates are asked for again and clicked
// as they were. Times go on from the log's last arrival.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "simulate/market.h"
#include "workspace/workspace.h"

namespace gfr {

// A running server of the project, as its clients see it.
class DemoServer {
 public:
  virtual ~DemoServer() = default;  // Ends the server.
  // The reply's body. kInternal, with what the server said, when the status is not `expected`.
  virtual Result<std::string> Post(const std::string& path, const std::string& body, int expected) = 0;
};

struct DemoFeeds {
  std::uint64_t feeds = 0, items = 0, events = 0;
  double feed_seconds = 0, event_seconds = 0;  // Of waiting for the server.
  nlohmann::ordered_json before, after;        // One user's feed before and after a click on `clicked`.
  std::string clicked;
};

// Asks for at most 300 feeds. `market`: whose users visit; null: the log's last slates.
Result<DemoFeeds> RunDemoClients(const Workspace& workspace, DemoServer& server, Market* market,
                                 std::int64_t last_arrival_ms);

}  // namespace gfr
