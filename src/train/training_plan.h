// TrainingPlan: which objectives a log can train, known from its events' times before anything is replayed.
//
// Refused is what cannot work whatever the features are: a type of event that is missing, windows, gaps and shares that
// leave no time for a part, a part without one label event. What passes can still turn out to have too few positives.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "dataset/event_times.h"
#include "dataset/objective_config.h"
#include "train/train_config.h"

namespace gfr {

struct ObjectivePlan {
  std::string refusal;     // Why it cannot be trained, and what would help; empty: it can.
  double days_needed = 0;  // Of log, at its present rhythm, when it is too short; else 0.
};

// The types whose times PlanTraining reads, as bits.
std::uint32_t PlannedTypes(const std::vector<ObjectiveConfig>& objectives);

// One plan an objective.
std::vector<ObjectivePlan> PlanTraining(const EventTimes& log, const std::vector<ObjectiveConfig>& objectives,
                                        const SplitConfig& split);

}  // namespace gfr
