// Shadows: models that score a share of the requests beside the answer, after it ([[shadow]]; rank/shadow.h).
//
// They have one thread, and are the first to go: a request's shadows are dropped, and counted, when feeds wait for a
// thread, when too many wait already, or when shadows and `[serve] verify` together have taken their share of the
// processors. Thread safety: all calls.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/sync.h"
#include "feed/feed_request.h"
#include "rank/shadow.h"
#include "serve/serving.h"

namespace gfr {

struct ServiceState;
class ServiceMetrics;

// Processor time that work beside the answers may take: a share of all processors' time, of which at most a burst is
// saved up.
class WorkBudget {
 public:
  static constexpr double kShare = 0.05, kBurstS = 2;
  WorkBudget(int cores, double now_s) : per_second_(kShare * cores), left_s_(kBurstS), at_s_(now_s) {}
  bool Has(double now_s);
  void Spend(double seconds);

 private:
  const double per_second_;
  Mutex mutex_;
  double left_s_, at_s_;
};

class Shadows {
 public:
  static constexpr std::size_t kMaxWaiting = 64;  // Requests.
  // `busy`: feeds wait for a thread.
  Shadows(ServiceMetrics& metrics, std::function<bool()> busy);

  // Runs `task`, which is of so many shadows, unless it is dropped. `task` counts its own time with Spend.
  void Offer(std::size_t shadows, std::function<void()> task);
  // The budget is also of other work beside the answers: what it has used of a processor, and whether it may go on.
  void Spend(double seconds);
  bool HasBudget();
  void Drain();  // Takes no more, and returns once what was taken has run.

 private:
  ServiceMetrics& metrics_;
  const std::function<bool()> busy_;
  WorkBudget budget_;
  Executor executor_;
};

// The shadows of one request: which there are, with the models that they score with; none for most requests.
struct ShadowRun {
  std::string name;
  std::shared_ptr<const BoundModel> model;
  FeedOverlay feed;  // Not empty: it ranks by a pipeline of its own.
};
std::vector<ShadowRun> ShadowsFor(const Experiments& experiments, const ServedModels& models,
                                  const std::string& request_id);

// What they work on.
struct ShadowWork {
  std::shared_ptr<const Serving> serving;
  std::vector<ShadowRun> runs;
  std::shared_ptr<const FeedConfig> feed;  // Of the answer.
  FeedRequest request;
  Event answered;  // The feed.request.
  ShadowInput input;
};
// Scores and logs them: one feed.shadow each.
void RunShadows(ServiceState& s, const ShadowWork& work);

}  // namespace gfr
