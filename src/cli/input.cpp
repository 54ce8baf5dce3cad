// Whole files in and out, over stdio, so that pipes work like files.
#include "cli/input.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

namespace skep::cli {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

int keep_open(std::FILE*) { return 0; }

Error io_error(const std::string& path, int error) {
  return {ErrorCode::io, path == "-" ? "standard stream" : path, std::strerror(error), error};
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

Result<std::vector<std::byte>> read_input(const std::string& path) {
  const File file = path == "-" ? File(stdin, keep_open) : File(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return fail(io_error(path, errno));
  std::vector<std::byte> bytes;
  std::array<std::byte, 65536> chunk;
  errno = 0;
  while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), file.get())) {
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got));
    if (bytes.size() > kMaxInputBytes)
      return fail(ErrorCode::limit, path, fmt::format("is larger than {} MiB", kMaxInputBytes >> 20));
  }
  if (std::ferror(file.get()) != 0) return fail(io_error(path, errno));
  return bytes;
}

Result<std::string> read_text(const std::string& path) {
  auto bytes = read_input(path);
  if (!bytes) return fail(std::move(bytes).error());
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

Result<void> write_output(const std::string& path, std::string_view bytes) {
  File file = path == "-" ? File(stdout, keep_open) : File(std::fopen(path.c_str(), "wb"), std::fclose);
  if (file == nullptr) return fail(io_error(path, errno));
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  if (!written || std::fflush(file.get()) != 0) return fail(io_error(path, errno));
  return {};
}

Result<std::vector<std::byte>> parse_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    const int high = digit(text[at]);
    const int low = at + 1 < text.size() ? digit(text[at + 1]) : -1;
    if (high < 0 || low < 0)
      return fail(ErrorCode::malformed, fmt::format("hex, character {}", at + 1),
                  fmt::format("'{}' is no byte of two hex digits", printable(text.substr(at, 2))));
    bytes.push_back(static_cast<std::byte>(high << 4 | low));
    at += 2;
  }
  return bytes;
}

std::string format_hex(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(bytes.size() * 3);
  for (const std::byte byte : bytes) {
    if (!text.empty()) text += ' ';
    fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(byte));
  }
  return text;
}

std::string file_name(const std::string& path) {
  return path == "-" ? "standard input" : std::filesystem::path(path).filename().string();
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

}  // namespace skep::cli
