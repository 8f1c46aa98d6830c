// S3 over runtime's HTTP, which signs (AWS Signature Version 4) and can ask for If-None-Match: *, on which the commit
// rests.
#include <algorithm>
#include <cstdlib>

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "object/aws_credentials.h"
#include "object/object_store.h"
#include "object/percent_encode.h"
#include "runtime/http_client.h"

namespace gfr {
namespace {

constexpr std::int64_t kTimeoutMs = 15 * 60 * 1000;  // Of a model over a slow line; what stalls ends before.
constexpr std::size_t kMostBytes = std::size_t{4} << 30;

// What another try may mend: S3 asks for fewer calls by 503 (SlowDown), and its own failures are 500.
bool MayPass(int status) { return status == 408 || status == 429 || status >= 500; }

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
      const std::string query = (token.empty() ? "" : "continuation-token=" + PercentEncode(token) + "&") +
                                "delimiter=%2F&list-type=2&prefix=" + PercentEncode(prefix);
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
    bool repeated = false;
    GFR_ASSIGN(const HttpAnswer reply, Send("PUT", name, content, if_absent, &repeated));
    // 412: it is there; 409: another writer is at it just now.
    if (if_absent && (reply.status == 412 || reply.status == 409)) {
      // A try whose answer was lost may have written it.
      if (const auto there = repeated ? Get(name) : Result<std::string>(std::string()); repeated && there.ok()) {
        if (there.value() == content) return {};
      }
      return Error{ErrorCode::kAlreadyExists, "'" + Describe() + "/" + name + "' is there already"};
    }
    if (reply.status != 200) return Refused("write", name, reply);
    return {};
  }

  Error Refused(const std::string& what, const std::string& name, const HttpAnswer& reply) const {
    return {ErrorCode::kUnavailable, "cannot " + what + " '" + Describe() + "/" + name + "': the server answered " +
                                         std::to_string(reply.status) + ": " + reply.body.substr(0, 300)};
  }

  // `repeated`: whether the call was tried more than once.
  Result<HttpAnswer> Send(const char* method, const std::string& name, std::string_view body, bool if_absent,
                          bool* repeated = nullptr) const {
    GFR_TRY(CheckObjectName(name));
    return SendTo(method, UrlOf(name), body, if_absent, repeated);
  }

  // As the signature wants a path: '=' is the one character of a name that is encoded.
  std::string UrlOf(const std::string& name) const {
    std::string url = base_ + "/";
    for (const char c : o_.prefix.empty() ? name : o_.prefix + "/" + name) {
      if (c == '=')
        url += "%3D";
      else
        url += c;
    }
    return url;
  }

  Result<HttpAnswer> SendTo(const char* method, const std::string& url, std::string_view body, bool if_absent,
                            bool* repeated = nullptr) const {
    // Waits differ from call to call: writers that were turned away together do not come back together.
    Rng rng(Hash64(url.data(), url.size(), static_cast<std::uint64_t>(MonotonicUs())));
    for (int attempt = 1;; ++attempt) {
      auto answer = SendOnce(method, url, body, if_absent);
      const bool passing =
          answer.ok() ? MayPass(answer.value().status) : answer.error().code == ErrorCode::kUnavailable;
      if (!passing || attempt >= o_.tries) {
        if (!answer.ok())
          return Error{answer.error().code, "cannot reach " + Describe() + ": " + answer.error().message};
        return answer;
      }
      if (repeated != nullptr) *repeated = true;
      const double wait_ms = static_cast<double>(o_.first_wait_ms << (attempt - 1)) * (0.5 + rng.Uniform());
      WaitUntil(MonotonicMs() + static_cast<std::int64_t>(wait_ms));
    }
  }

  Result<HttpAnswer> SendOnce(const char* method, const std::string& url, std::string_view body, bool if_absent) const {
    AwsKeys keys{o_.access_key, o_.secret_key, o_.session_token};
    if (o_.credentials != nullptr) {
      GFR_ASSIGN(keys, o_.credentials->Keys());
    }
    HttpCall call{.method = method,
                  .url = url,
                  .headers = {"Content-Type: application/octet-stream"},
                  .body = body,
                  .deadline_ms = MonotonicMs() + kTimeoutMs,
                  .max_reply_bytes = kMostBytes,
                  .aws = AwsSignature{o_.region, "s3", keys.access_key, keys.secret_key}};
    if (if_absent) call.headers.push_back("If-None-Match: *");
    if (!keys.session_token.empty()) call.headers.push_back("X-Amz-Security-Token: " + keys.session_token);
    return http_->Send(call);
  }

  const S3Options o_;
  std::string base_;
  // The endpoint is the operator's, who may have S3 in a network of their own.
  const std::unique_ptr<HttpCaller> http_ = MakeHttpCaller({.allow_private = true});
};

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
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
  o.endpoint = Environment("AWS_ENDPOINT_URL_S3");
  if (o.endpoint.empty()) o.endpoint = Environment("AWS_ENDPOINT_URL");
  while (o.endpoint.ends_with('/')) o.endpoint.pop_back();
  static const WallClock clock;
  o.credentials = std::make_shared<AwsCredentials>(Environment, clock);
  if (const std::string region = o.credentials->Region(); !region.empty()) o.region = region;
  if (const auto keys = o.credentials->Keys(); !keys.ok())
    return Error{keys.error().code, "'" + url + "' cannot be used: " + keys.error().message};
  return o;
}

Result<std::shared_ptr<ObjectStore>> S3ObjectStore(S3Options options) {
  return std::shared_ptr<ObjectStore>(std::make_shared<S3>(std::move(options)));
}

}  // namespace gfr
