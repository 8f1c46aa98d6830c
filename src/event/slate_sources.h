// The sources of a slate's candidates, in its record: which source of its channel each item came from.
//
// They are a tagged field of the served part (docs/formats/log.md) that ServedSlate carries among those it passes on as
// they were written, since nothing but explanations and reports reads it. Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "event/served_slate.h"

namespace gfr {

// One an item of the event, in order; empty: it has none. REQUIRES: the slate has no sources yet.
void SetSources(const std::vector<std::string>& sources, ServedSlate* slate);
// `items` of them; all empty where the record says nothing that can be read.
std::vector<std::string> SourcesOf(const ServedSlate& slate, std::size_t items);

}  // namespace gfr
