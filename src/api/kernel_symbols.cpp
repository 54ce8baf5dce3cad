// Lines out of pieces of a file.
#include "api/kernel_symbols.hpp"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "api/files.hpp"

namespace skep {
namespace {

constexpr std::size_t kPieceBytes = 65536;  // longer than any line

/// "ffffffff81000000 T _stext", and the module's name behind that.
bool see_line(std::string_view line, const loader::SeeSymbol& see) {
  std::uint64_t address = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (error != std::errc{} || line.size() < 4 || line[0] != ' ' || line[2] != ' ') return false;
  const char type = line[1];
  line.remove_prefix(3);
  see(line.substr(0, line.find_first_of(" \t")), type, address);
  return true;
}

}  // namespace

Result<void> read_kernel_symbols(const std::string& path, const loader::SeeSymbol& see) {
  const auto file = Descriptor::open_to_read(path);
  if (!file) return fail(file.error());
  std::string piece(kPieceBytes, '\0');
  std::size_t number = 0;
  for (std::size_t kept = 0;;) {
    const ssize_t got = read(file->number, piece.data() + kept, piece.size() - kept);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorCode::io, path, std::strerror(errno), errno);
    std::string_view rest(piece.data(), kept + static_cast<std::size_t>(got));
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      if (end == std::string_view::npos && got != 0 && rest.size() < piece.size()) break;
      ++number;
      if (!see_line(rest.substr(0, end), see))
        return fail(ErrorCode::malformed, path, fmt::format("line {} names no symbol", number));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    if (got == 0) return {};
    kept = rest.size();
    std::memmove(piece.data(), rest.data(), kept);
  }
}

}  // namespace skep
