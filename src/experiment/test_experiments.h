// For tests of experiments: a configuration from its text, whose treatments may set a feed's size.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "experiment/experiments.h"

namespace gfr {

inline Result<Experiments> ReadExperiments(const std::string& text) {
  auto config = Config::Parse(text, "gfr.toml");
  if (!config.ok()) return config.error();
  Experiments::Names names{
      .context = {{"platform", Expression::Type::kCategory}, {"basket", Expression::Type::kNumber}},
      .feeds = {"home", "search"},
      .read_overlay = [](Config& table) -> Result<FeedOverlay> {
        FeedOverlay overlay;
        if (table.Has("size")) overlay.size = static_cast<int>(table.Integer("size", 0, 1, 1000));
        if (table.Has("swap")) overlay.swap_share = table.Number("swap", 0, 0, 1);
        GFR_TRY(table.Finish());
        return overlay;
      }};
  GFR_ASSIGN(Experiments experiments, Experiments::Read(config.value(), names));
  GFR_TRY(config.value().Finish());
  return experiments;
}

// REQUIRES: the text is valid.
inline Experiments ExperimentsOf(const std::string& text) {
  auto experiments = ReadExperiments(text);
  EXPECT_TRUE(experiments.ok()) << (experiments.ok() ? "" : experiments.error().ToString());
  return experiments.ok() ? std::move(experiments).value() : Experiments();
}

}  // namespace gfr
