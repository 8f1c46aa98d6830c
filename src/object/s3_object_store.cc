// S3 by libcurl, which signs (AWS Signature Version 4) and can ask for If-None-Match: *, on which the commit rests.
#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>

#include "object/object_store.h"

namespace gfr {
namespace {

struct Reply {
  long status = 0;
  std::string body;
};

std::size_t Take(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

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
    GFR_ASSIGN(Reply reply, Send("GET", name, "", false));
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
      GFR_ASSIGN(const Reply reply, SendTo("GET", base_ + "/?" + query, "", false));
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
    GFR_ASSIGN(const Reply reply, Send("DELETE", name, "", false));
    if (reply.status != 204 && reply.status != 200 && reply.status != 404) return Refused("remove", name, reply);
    return {};
  }

  std::string Describe() const override { return "s3://" + o_.bucket + (o_.prefix.empty() ? "" : "/" + o_.prefix); }

 private:
  Status Write(const std::string& name, std::string_view content, bool if_absent) {
    GFR_ASSIGN(const Reply reply, Send("PUT", name, content, if_absent));
    // 412: it is there; 409: another writer is at it just now.
    if (if_absent && (reply.status == 412 || reply.status == 409))
      return Error{ErrorCode::kAlreadyExists, "'" + Describe() + "/" + name + "' is there already"};
    if (reply.status != 200) return Refused("write", name, reply);
    return {};
  }

  Error Refused(const std::string& what, const std::string& name, const Reply& reply) const {
    return {ErrorCode::kUnavailable, "cannot " + what + " '" + Describe() + "/" + name + "': the server answered " +
                                         std::to_string(reply.status) + ": " + reply.body.substr(0, 300)};
  }

  Result<Reply> Send(const char* method, const std::string& name, std::string_view body, bool if_absent) const {
    GFR_TRY(CheckObjectName(name));
    return SendTo(method, base_ + "/" + (o_.prefix.empty() ? "" : o_.prefix + "/") + name, body, if_absent);
  }

  Result<Reply> SendTo(const char* method, const std::string& url, std::string_view body, bool if_absent) const {
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    Reply reply;
    const std::string signer = "aws:amz:" + o_.region + ":s3", user = o_.access_key + ":" + o_.secret_key;
    curl_slist* list = nullptr;
    if (if_absent) list = curl_slist_append(list, "If-None-Match: *");
    if (!o_.session_token.empty())
      list = curl_slist_append(list, ("X-Amz-Security-Token: " + o_.session_token).c_str());
    list = curl_slist_append(list, "Content-Type: application/octet-stream");
    list = curl_slist_append(list, "Expect:");
    const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_AWS_SIGV4, signer.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_USERPWD, user.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 100L);  // A server that hangs is an error, not a wait.
    curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 30L);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Take);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply.body);
    if (std::string_view(method) == "PUT") {
      curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
      curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    }
    if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK)
      return Error{ErrorCode::kUnavailable,
                   "cannot reach " + Describe() + " at " + base_ + ": " + curl_easy_strerror(code)};
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &reply.status);
    return reply;
  }

  const S3Options o_;
  std::string base_;
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
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) return Error{ErrorCode::kUnavailable, "libcurl does not start"};
  return std::shared_ptr<ObjectStore>(std::make_shared<S3>(std::move(options)));
}

}  // namespace gfr
