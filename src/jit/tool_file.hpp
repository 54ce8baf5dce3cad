// Files that tools find by the number of this process.
//
// Their folders may be anybody's (/tmp), and numbers come again: only a regular file of this user's own is written, and
// what a process that is gone left in it is no part of it.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <skep/error.hpp>

namespace skep::jit {

class ToolFile {
 public:
  ToolFile(ToolFile&& other) noexcept;
  ToolFile(const ToolFile&) = delete;
  ToolFile& operator=(const ToolFile&) = delete;
  ~ToolFile();

  /// Opens `path` for adding to it. Where this process has written before, its contents stay when `shared`, and are an
  /// error otherwise. Errors: io.
  [[nodiscard]] static Result<ToolFile> open(const std::string& path, bool shared);

  /// All of `bytes` in one piece: writers of other threads get in before or behind. Error io.
  [[nodiscard]] Result<void> append(std::span<const std::byte> bytes) const;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  ToolFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_;
  std::string path_;
};

}  // namespace skep::jit
