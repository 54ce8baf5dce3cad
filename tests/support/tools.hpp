// Programs of the system as referees: compilers and dumpers that a test compares skep with. They may be missing; a test
// then skips visibly. Files live in a scratch folder of the test's own, removed with it.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skep::tools {

/// True when `name` is on the PATH.
inline bool have(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

/// What a shell command prints on stdout; nothing when it cannot start or fails.
inline std::optional<std::string> output_of(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::string text;
  char chunk[4096];
  for (std::size_t n; (n = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) text.append(chunk, n);
  if (::pclose(pipe) != 0) return std::nullopt;
  return text;
}

/// A file's bytes; nothing when it cannot be read.
inline std::optional<std::vector<std::byte>> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto bytes = std::as_bytes(std::span(text));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

/// A folder that goes away with this value.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "skep-test-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  /// Writes `bytes` to a file of that name here, and gives its path.
  std::string write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return (path_ / name).string();
  }
  /// Compiles C for BPF with clang-19 to a file of that name here; its path, or nothing when that fails.
  std::optional<std::string> compile(const std::string& name, std::string_view source,
                                     const std::string& flags = "") const {
    const std::string object = (path_ / name).string();
    const std::string from = write(name + ".c", source);
    if (!output_of("clang-19 -target bpf -mcpu=v3 -g -O2 " + flags + " -c " + from + " -o " + object))
      return std::nullopt;
    return object;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace skep::tools
