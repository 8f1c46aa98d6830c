#include "train/engine/wheel_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace gfr {

std::string FindWheelLibrary(const char* variable, const std::string& path) {
  if (const char* set = std::getenv(variable)) return set;
  std::error_code code;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", code).parent_path();
  for (const char* place : {"../lib/gfr/", "../venv/lib/python3.11/site-packages/"}) {
    if (const auto file = program / (place + path); std::filesystem::exists(file, code)) return file.string();
  }
  return path.substr(path.rfind('/') + 1);
}

Result<WheelLibrary> WheelLibrary::Open(const std::string& path, const char* engine, const char* variable) {
  // Its threads must not spin where others need the processors.
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  WheelLibrary library;
  library.path_ = path;
  library.handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library.handle_)
    return Error{ErrorCode::kNotFound,
                 std::string(engine) + " cannot be loaded (set " + variable + " to its library): " + ::dlerror()};
  return library;
}

void* WheelLibrary::Find(const char* name) {
  void* function = ::dlsym(handle_, name);
  if (!function) missing_ = name;
  return function;
}

Status WheelLibrary::Check(const char* wanted) const {
  if (missing_.empty()) return {};
  return Error{ErrorCode::kNotFound, "'" + path_ + "' has no function " + missing_ + "; wanted is " + wanted};
}

}  // namespace gfr
