#include "serve/serve_config.h"

namespace gfr {

Result<ServeConfig> ServeConfig::Read(Config& project) {
  Config table = project.Table("serve");
  ServeConfig serve;
  serve.listen = table.String("listen", serve.listen);
  serve.clock = table.String("clock", serve.clock);
  serve.admin_token = table.String("admin_token", "");
  serve.owner = table.String("owner", "");
  serve.max_connections = static_cast<int>(table.Integer("max_connections", serve.max_connections, 1, 65536));
  serve.verify_ms = table.DurationMs("verify", serve.verify_ms);
  GFR_TRY(table.Finish());
  return serve;
}

Configuration::UpperTables ServeConfig::Reader(ServeConfig* serve) {
  return [serve](Config& project) -> Status {
    GFR_ASSIGN(*serve, Read(project));
    return {};
  };
}

}  // namespace gfr
