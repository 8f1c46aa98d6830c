// S3 over runtime's HTTP, which signs (AWS Signature Version 4) and can ask for If-None-Match: *, on which the commit
// rests.
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/clock.h"
#include "object/object_store.h"
#include "runtime/http_client.h"

namespace gfr {
namespace {

constexpr std::int64_t kTimeoutMs = 15 * 60 * 1000;  // Of a model over a slow line; what stalls ends before.
constexpr std::size_t kMostBytes = std::size_t{4} << 30;

// The text of each <tag>...</tag>, which S3 never nests in itself.
std::vector<std::string> Elements(const std::string& xml, const std::string& tag) {
  std::vector<std::string> out;
  const std::string open = "<" + tag + ">", close = "</" + tag + ">";
  for (std::size_t at = xml.find(open); at != std::string::npos; at = xml.find(open, at)) {
    at += open.size();
    const std::size_t end = xml.find(close, at);
    if (end == std::string::npos) break;
    out.push_back(xml.substr(at, end - at));
  }
  return out;
}

std::string Encode(const std::string& text) {  // Of a query's value (RFC 3986).
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) || c == '-' || c == '_' || c == '.' || c == '~')
      out += c;
    else
      out += {'%', kHex[u >> 4], kHex[u & 15]};
  }
  return out;
}

class S3 final : public ObjectStore {
 public:
  explicit S3(S3Options options) : o_(std::move(options)) {
    base_ = o_.endpoint.empty() ? "https://" + o_.bucket + ".s3." + o_.region + ".amazonaws.com"
                                : o_.endpoint + "/" + o_.bucket;
  }

  Result<std::string> Get(const std::string& name) override {
    GFR_ASSIGN(HttpAnswer reply, Send("GET", name, "", false));
    if (reply.status == 404) return Error{ErrorCode::kNotFound, "'" + Describe() + "/" + name + "' is not there"};
    if (reply.status != 200) return Refused("read", name, reply);
    return std::move(reply.body);
  }

  Result<std::vector<std::string>> List(const std::string& folder) override {
    std::string prefix = o_.prefix.empty() ? folder : folder.empty() ? o_.prefix : o_.prefix + "/" + folder;
    if (!prefix.empty()) prefix += "/";
    std::vector<std::string> names;
    for (std::string token;;) {  // Sorted by key, as the signature wants the query.
      const std::string query = (token.empty() ? "" : "continuation-token=" + Encode(token) + "&") +
                                "delimiter=%2F&list-type=2&prefix=" + Encode(prefix);
      GFR_ASSIGN(const HttpAnswer reply, SendTo("GET", base_ + "/?" + query, "", false));
      if (reply.status != 200) return Refused("list", folder, reply);
      for (const char* tag : {"Key", "Prefix"}) {
        for (std::string key : Elements(reply.body, tag)) {
          if (key.size() <= prefix.size() || !key.starts_with(prefix)) continue;  // The prefix asked for comes too.
          key = key.substr(prefix.size());
          if (key.ends_with('/')) key.pop_back();
          names.push_back(std::move(key));
        }
      }
      const auto next = Elements(reply.body, "NextContinuationToken");
      if (next.empty()) break;
      token = next[0];
    }
    std::ranges::sort(names);
    return names;
  }

  Status Put(const std::string& name, std::string_view content) override { return Write(name, content, false); }
  Status PutIfAbsent(const std::string& name, std::string_view content) override { return Write(name, content, true); }

  Status Remove(const std::string& name) override {
    GFR_ASSIGN(const HttpAnswer reply, Send("DELETE", name, "", false));
    if (reply.status != 204 && reply.status != 200 && reply.status != 404) return Refused("remove", name, reply);
    return {};
  }

  std::string Describe() const override { return "s3://" + o_.bucket + (o_.prefix.empty() ? "" : "/" + o_.prefix); }

 private:
  Status Write(const std::string& name, std::string_view content, bool if_absent) {
    GFR_ASSIGN(const HttpAnswer reply, Send("PUT", name, content, if_absent));
    // 412: it is there; 409: another writer is at it just now.
    if (if_absent && (reply.status == 412 || reply.status == 409))
      return Error{ErrorCode::kAlreadyExists, "'" + Describe() + "/" + name + "' is there already"};
    if (reply.status != 200) return Refused("write", name, reply);
    return {};
  }

  Error Refused(const std::string& what, const std::string& name, const HttpAnswer& reply) const {
    return {ErrorCode::kUnavailable, "cannot " + what + " '" + Describe() + "/" + name + "': the server answered " +
                                         std::to_string(reply.status) + ": " + reply.body.substr(0, 300)};
  }

  Result<HttpAnswer> Send(const char* method, const std::string& name, std::string_view body, bool if_absent) const {
    GFR_TRY(CheckObjectName(name));
    return SendTo(method, base_ + "/" + (o_.prefix.empty() ? "" : o_.prefix + "/") + name, body, if_absent);
  }

  Result<HttpAnswer> SendTo(const char* method, const std::string& url, std::string_view body, bool if_absent) const {
    HttpCall call{.method = method,
                  .url = url,
                  .headers = {"Content-Type: application/octet-stream"},
                  .body = body,
                  .deadline_ms = MonotonicMs() + kTimeoutMs,
                  .max_reply_bytes = kMostBytes,
                  .aws = AwsSignature{o_.region, "s3", o_.access_key, o_.secret_key}};
    if (if_absent) call.headers.push_back("If-None-Match: *");
    if (!o_.session_token.empty()) call.headers.push_back("X-Amz-Security-Token: " + o_.session_token);
    auto answer = http_->Send(call);
    if (!answer.ok()) return Error{answer.error().code, "cannot reach " + Describe() + ": " + answer.error().message};
    return answer;
  }

  const S3Options o_;
  std::string base_;
  // The endpoint is the operator's, who may have S3 in a network of their own.
  const std::unique_ptr<HttpCaller> http_ = MakeHttpCaller({.allow_private = true});
};

std::string Environment(const char* name, std::string otherwise = "") {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

}  // namespace

Result<S3Options> S3OptionsOf(const std::string& url) {
  S3Options o;
  const std::string rest = url.starts_with("s3://") ? url.substr(5) : "";
  const std::size_t slash = rest.find('/');
  o.bucket = rest.substr(0, slash);
  if (slash != std::string::npos) o.prefix = rest.substr(slash + 1);
  while (o.prefix.ends_with('/')) o.prefix.pop_back();
  if (o.bucket.empty() || !CheckObjectName(o.bucket).ok() || (!o.prefix.empty() && !CheckObjectName(o.prefix).ok()))
    return Error{ErrorCode::kInvalidArgument, "'" + url + "' is not s3://BUCKET or s3://BUCKET/PREFIX"};
  o.endpoint = Environment("AWS_ENDPOINT_URL");
  while (o.endpoint.ends_with('/')) o.endpoint.pop_back();
  o.region = Environment("AWS_REGION", Environment("AWS_DEFAULT_REGION", o.region));
  o.access_key = Environment("AWS_ACCESS_KEY_ID");
  o.secret_key = Environment("AWS_SECRET_ACCESS_KEY");
  o.session_token = Environment("AWS_SESSION_TOKEN");
  if (o.access_key.empty() || o.secret_key.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "'" + url + "' needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"};
  return o;
}

Result<std::shared_ptr<ObjectStore>> S3ObjectStore(S3Options options) {
  return std::shared_ptr<ObjectStore>(std::make_shared<S3>(std::move(options)));
}

}  // namespace gfr
