#include "store/store_config.h"

namespace gfr {

Result<StoreConfig> StoreConfig::Read(Config& project) {
  Config table = project.Table("store");
  StoreConfig store;
  GFR_ASSIGN(store.online, ParseOnlineAddress(table.String("online", "embedded"), table.where("online")));
  store.memory_bytes = table.SizeBytes("memory", 0);
  store.snapshots = static_cast<std::size_t>(table.Integer("snapshots", 7, 0, 1000));
  store.dir = table.String("dir", "");
  while (store.dir.size() > 1 && store.dir.ends_with('/')) store.dir.pop_back();
  if (!store.dir.empty() && !store.dir.starts_with("s3://") && !store.dir.starts_with('/'))
    table.Fail("dir", "'" + store.dir + "' is neither s3://BUCKET/PREFIX nor an absolute folder");
  GFR_TRY(table.Finish());
  return store;
}

}  // namespace gfr
