#include "registry/registry_config.h"

namespace gfr {

Result<RegistryConfig> RegistryConfig::Read(Config& project, const std::string& shared_dir) {
  Config table = project.Table("registry");
  RegistryConfig registry;
  const std::string location = table.String("location", shared_dir.empty() ? registry.folder : shared_dir + "/models");
  if (location.starts_with("s3://")) {
    auto options = S3OptionsOf(location);
    if (options.ok())
      registry.s3 = std::move(options).value();
    else
      table.Fail("location", options.error().message);
  } else if (!location.empty()) {
    registry.folder = location;
  }
  GFR_TRY(table.Finish());
  return registry;
}

Result<std::shared_ptr<ObjectStore>> RegistryConfig::Open(FileSystem& fs, const std::string& project_folder) const {
  if (s3) return S3ObjectStore(*s3);
  return LocalObjectStore(fs, folder.starts_with('/') ? folder : JoinPath(project_folder, folder));
}

}  // namespace gfr
