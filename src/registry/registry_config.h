// RegistryConfig: [registry] of gfr.toml: where model versions are.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/config.h"
#include "object/object_store.h"

namespace gfr {

struct RegistryConfig {
  std::string folder = "data/models";  // Absolute, or in the project's folder. Not read with `s3`.
  std::optional<S3Options> s3;

  // kInvalidArgument names the line: no S3 location, or the environment has no credentials for it.
  // `shared_dir`: [store] dir; where there is one, the models are in it unless this table says otherwise.
  static Result<RegistryConfig> Read(Config& project, const std::string& shared_dir = "");
  // The store of the versions; a folder is made when something is first written to it.
  Result<std::shared_ptr<ObjectStore>> Open(FileSystem& fs, const std::string& project_folder) const;
};

}  // namespace gfr
