#include "serve/serve_config.h"

namespace gfr {
namespace {

Status ReadAccess(Config& table, ServeConfig* to) {
  to->hosts = table.Strings("hosts", {});
  to->cors_origins = table.Strings("cors_origins", {});
  for (const std::string& origin : to->cors_origins) {
    const bool is_origin = (origin.starts_with("https://") || origin.starts_with("http://")) &&
                           origin.find_first_of("/*? ", origin.find("://") + 3) == std::string::npos;
    if (!is_origin) table.Fail("cors_origins", "has '" + origin + "'; valid are origins as \"https://shop.example\"");
  }
  to->tokens["admin"] = table.String("admin_token", "");  // As 0.1 has it.
  Config tokens = table.Table("tokens");
  for (const char* scope : {"events", "feed", "reader", "admin"}) {
    if (!tokens.Has(scope)) continue;
    to->tokens[scope] = tokens.String(scope, "");
    if (to->tokens[scope].size() < 16) tokens.Fail(scope, "is shorter than 16 characters, and can be guessed");
  }
  GFR_TRY(tokens.Finish());
  Config sigv4 = table.Table("sigv4");
  to->sigv4_access_key = sigv4.String("access_key", "");
  to->sigv4_secret_key = sigv4.String("secret_key", "");
  if (to->sigv4_access_key.empty() != to->sigv4_secret_key.empty())
    sigv4.Fail(to->sigv4_access_key.empty() ? "access_key" : "secret_key", "is missing beside the other");
  if (!to->sigv4_secret_key.empty() && to->sigv4_secret_key.size() < 16)
    sigv4.Fail("secret_key", "is shorter than 16 characters, and can be guessed");
  GFR_TRY(sigv4.Finish());
  Config limits = table.Table("rate_limits");
  for (const char* name : {"events", "feed", "reader", "admin"}) {
    if (!limits.Has(name)) continue;
    to->rate_limits[name] = limits.Number(name, 1, 0.001, 1e9);
  }
  return limits.Finish();
}

void ReadTls(Config& table, ServeConfig* to) {
  to->tls_certificate = table.String("tls_certificate", "");
  to->tls_key = table.String("tls_key", "");
  if (to->tls_certificate.empty() && !to->tls_key.empty())
    table.Fail("tls_key", "has no tls_certificate beside it; both are paths of PEM files");
  if (to->tls_key.empty() && !to->tls_certificate.empty())
    table.Fail("tls_certificate", "has no tls_key beside it; both are paths of PEM files");
}

void ReadLimits(Config& table, ServeConfig* to) {
  to->max_connections = static_cast<int>(table.Integer("max_connections", to->max_connections, 1, 1'000'000));
  to->connections_by_address =
      static_cast<int>(table.Integer("connections_by_address", to->connections_by_address, 0, 1'000'000));
  to->trusted_proxies = table.Strings("trusted_proxies", {});
  to->drain_ms = table.DurationMs("drain", to->drain_ms);
  if (to->drain_ms > kHourMs) table.Fail("drain", "is more than 1h");
  for (const auto& [key, ms] :
       {std::pair{"log_wait", &to->log_wait_ms}, std::pair{"store_wait", &to->store_wait_ms},
        std::pair{"header_timeout", &to->header_timeout_ms}, std::pair{"body_timeout", &to->body_timeout_ms},
        std::pair{"handler_timeout", &to->handler_timeout_ms}, std::pair{"write_timeout", &to->write_timeout_ms},
        std::pair{"idle_timeout", &to->idle_timeout_ms}}) {
    *ms = table.DurationMs(key, *ms);
    if (*ms < 1 || *ms > kHourMs) table.Fail(key, "is not from 1ms to 1h");
  }
}

}  // namespace

Result<ServeConfig> ServeConfig::Read(Config& project) {
  Config table = project.Table("serve");
  ServeConfig serve;
  serve.listen = table.String("listen", serve.listen);
  serve.clock = table.String("clock", serve.clock);
  GFR_TRY(ReadAccess(table, &serve));
  serve.owner = table.String("owner", "");
  serve.owner_ca = table.String("owner_ca", "");
  ReadTls(table, &serve);
  ReadLimits(table, &serve);
  serve.access_log = table.Boolean("access_log", serve.access_log);
  serve.verify_ms = table.DurationMs("verify", serve.verify_ms);
  serve.disk_reserve_bytes = table.SizeBytes("disk_reserve", serve.disk_reserve_bytes);
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
