// Definition files: which columns a set fingerprint stands for, FOLDER/HEX.json (docs/formats/definitions.md).
//
// A model of format 1 to 4 and a slate of gfr 0.1 name one fingerprint for all their columns. Each start of a server
// and each training writes the file of today's definitions, so that such a model finds its columns when gfr.toml has
// changed since. Thread safety: writers of one folder may run beside each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "feature/feature_set.h"

namespace gfr {

struct NamedFingerprint {
  std::string name;
  std::uint64_t fingerprint;
};

// Writes the files of both fingerprints of `features`, where they are not there: the oldest is the nearest to the
// models that were trained with it. Makes the folder.
Status WriteDefinitions(FileSystem& fs, const std::string& folder, const FeatureSet& features);

// The columns of the set, in order. kNotFound: there is no such file; kCorrupt: it is not one.
Result<std::vector<NamedFingerprint>> ReadDefinitions(FileSystem& fs, const std::string& folder,
                                                      std::uint64_t set_fingerprint);

}  // namespace gfr
