#include "remote.h"

#include <cctype>
#include <cstdlib>

#include "base/file_system.h"

namespace gfr {

Result<std::string> RemoteFlags::Token() const {
  const char* const variable = std::getenv("GFR_TOKEN");
  if (token_file.empty()) return std::string(variable != nullptr ? variable : "");
  return ReadTokenFile(token_file);
}

Result<std::string> ReadTokenFile(const std::string& path) {
  GFR_ASSIGN(std::string token, PosixFileSystem().ReadAll(path));
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back()))) token.pop_back();
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
    return Error{ErrorCode::kInvalidArgument, path + " holds no token; valid is one line"};
  return token;
}

std::unique_ptr<HttpCaller> RemoteFlags::Caller() const {
  return MakeHttpCaller({.allow_private = true, .ca_file = ca_file});
}

void AddRemoteFlags(CLI::App& command, RemoteFlags& flags) {
  command.add_option("--token-file", flags.token_file,
                     "A file with the token; without it, the environment variable GFR_TOKEN");
  command.add_option("--ca", flags.ca_file, "A PEM file of the certificates to trust instead of the system's")
      ->check(CLI::ExistingFile);
}

}  // namespace gfr
