// OpenObjectStore: the object store of a place that gfr.toml or a command names.
#pragma once

#include <memory>
#include <string>

#include "object/object_store.h"

namespace gfr {

// `place`: s3://BUCKET/PREFIX (S3OptionsOf), or a folder. kInvalidArgument names what is missing.
inline Result<std::shared_ptr<ObjectStore>> OpenObjectStore(FileSystem& fs, const std::string& place) {
  if (!place.starts_with("s3://")) return LocalObjectStore(fs, place);
  GFR_ASSIGN(S3Options options, S3OptionsOf(place));
  return S3ObjectStore(std::move(options));
}

}  // namespace gfr
