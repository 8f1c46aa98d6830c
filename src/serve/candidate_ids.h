// The quick way of a feed's body that names many candidates by id alone, which is most of what a feed is sent.
//
// A body of 1,000 ids is a tenth of a feed's processor time as a tree of JSON values. Here the ids are read where they
// stand in the text, and only the rest becomes such a tree. Bodies that are anything else, wrong ones too, are left to
// the ordinary way, which has the messages: both ways agree (serve/feed_json_test.cc).
// Thread safety: all calls.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace gfr {

struct SplitBody {
  nlohmann::json rest;           // The body without `candidates`.
  std::vector<std::string> ids;  // Of `candidates`, each once.
};

// Nothing: `candidates` is not a list of at most `most` different texts of at most `id_bytes` bytes, or the body is not
// an object of valid JSON.
std::optional<SplitBody> SplitCandidateIds(const std::string& body, std::size_t most, std::size_t id_bytes);

}  // namespace gfr
