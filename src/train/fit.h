// One objective fitted: its forest with early stopping, calibrated on its own part; and refitted on more rows.
#pragma once

#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "evaluate/report.h"
#include "model/model.h"
#include "train/forest_trainer.h"
#include "train/split.h"
#include "train/train_config.h"

namespace gfr {

struct Fitted {
  ObjectiveModel objective;
  int rounds;
  Loss loss = Loss::kLogistic;
  std::vector<TriedLoss> tried = {};  // With several losses to choose from.
};

// Rows of each class that each part needs.
inline constexpr std::int64_t kLeastOfAClass = 10;

// [[objective]] learn; without it the one of the link.
std::vector<Loss> LossesOf(const ObjectiveConfig& config);

// Trains by each loss of [[objective]] learn, and keeps the one whose calibrated probabilities have the lowest log loss
// on the calibration part, cross-fitted: that is what value formulas read, and it judges order and level alike.
// `quiet`: no progress on stderr. kInvalidArgument: a part has fewer than 10 rows of a class.
Result<Fitted> Fit(const ObjectiveRows& rows, const ObjectiveConfig& config, const Model& model, const Boundaries& b,
                   const TrainConfig& train, const ForestTrainer& engine, bool quiet);

// Trains `rounds` rounds on the rows of [from_ms, to_ms); `bytes` gets the forest as its engine wrote it, when it is
// wanted.
Result<Forest> Refit(const ObjectiveRows& rows, Loss loss, const Model& model, std::int64_t from_ms, std::int64_t to_ms,
                     int rounds, const TrainConfig& train, const ForestTrainer& engine, std::string* bytes);

// Of the labels that came within the window, the share that came within the early one, on the rows of [from_ms, to_ms);
// 1 without an early window. kInvalidArgument: fewer than 10 came within it.
Result<double> Maturation(const ObjectiveRows& rows, const ObjectiveConfig& config, std::int64_t from_ms,
                          std::int64_t to_ms);

}  // namespace gfr
