// Heads of messages, read with care: they come from another process.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/json_text.h"

namespace gfr {

using WorkerJson = nlohmann::ordered_json;

// An object; empty when it is none.
inline WorkerJson ParseHead(const std::string& head) {
  WorkerJson json = ParseJson<WorkerJson>(head, /*throws=*/false);
  return json.is_object() ? json : WorkerJson::object();
}

// What it says under `key`; `otherwise` when it says nothing, or nothing of that type.
template <typename T>
T HeadValue(const WorkerJson& head, const char* key, T otherwise) {
  const auto at = head.find(key);
  if (at == head.end()) return otherwise;
  try {
    return at->get<T>();
  } catch (const WorkerJson::exception&) {
    return otherwise;
  }
}

}  // namespace gfr
