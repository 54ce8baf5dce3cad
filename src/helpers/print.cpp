// The helpers that format: into a buffer of the program, or as a line that the host takes.
//
// A trace line is cut to 1,023 bytes; its result is the whole length all the same. A newline at the end of a format is
// part of the line, as in Linux, whose trace then shows an empty line.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "helpers/family.hpp"
#include "helpers/format.hpp"

namespace skep::helpers {
namespace {

constexpr std::size_t kLineBytes = 1024;

/// The arguments of a v-style helper: `bytes` of 64-bit values.
struct Arguments {
  std::array<std::uint64_t, kMaxFormatArgs> values{};
  std::size_t count = 0;

  /// False when Linux refuses the array.
  bool load(std::uint64_t address, std::uint64_t bytes) noexcept {
    if (bytes % sizeof(std::uint64_t) != 0 || bytes > sizeof(values) || (bytes != 0 && address == 0)) return false;
    if (bytes != 0) std::memcpy(values.data(), bytes_at(address), bytes);
    count = bytes / sizeof(std::uint64_t);
    return true;
  }
  [[nodiscard]] std::span<const std::uint64_t> span() const noexcept { return {values.data(), count}; }
};

std::uint64_t trace(Env& env, std::uint64_t format_address, std::uint64_t format_bytes,
                    std::span<const std::uint64_t> args) noexcept {
  const auto* start = reinterpret_cast<const char*>(format_address);
  const void* nul = format_bytes == 0 ? nullptr : std::memchr(start, 0, format_bytes);
  if (nul == nullptr) return r0(-EINVAL);
  std::array<char, kLineBytes> line;
  const std::int64_t length =
      format(env, {start, static_cast<std::size_t>(static_cast<const char*>(nul) - start)}, args, line);
  if (length < 0) return r0(length);
  Host& host = env.host();
  host.trace({.text = {line.data(), std::strlen(line.data())},
              .task = host.task(),
              .cpu = env.cpu(),
              .time_ns = host.now_ns(Clock::monotonic)});
  return r0(length);
}

std::uint64_t trace_printk(Env& env, std::uint64_t format, std::uint64_t bytes, std::uint64_t a, std::uint64_t b,
                           std::uint64_t c) noexcept {
  return trace(env, format, bytes, std::array{a, b, c});
}

std::uint64_t trace_vprintk(Env& env, std::uint64_t format, std::uint64_t bytes, std::uint64_t args,
                            std::uint64_t args_bytes, std::uint64_t) noexcept {
  Arguments arguments;
  if (!arguments.load(args, args_bytes)) return r0(-EINVAL);
  return trace(env, format, bytes, arguments.span());
}

std::uint64_t snprintf(Env& env, std::uint64_t out, std::uint64_t out_bytes, std::uint64_t format_address,
                       std::uint64_t args, std::uint64_t args_bytes) noexcept {
  Arguments arguments;
  if (!arguments.load(args, args_bytes)) return r0(-EINVAL);
  const char* start = reinterpret_cast<const char*>(format_address);
  const std::string_view text(start, strnlen(start, env.readable_room(format_address)));
  const std::int64_t length = format(env, text, arguments.span(), {reinterpret_cast<char*>(out), out_bytes});
  return r0(length < 0 ? length : length + 1);
}

}  // namespace

std::span<const Row> print_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::trace_printk, trace_printk},
      {abi::HelperId::trace_vprintk, trace_vprintk},
      {abi::HelperId::snprintf, snprintf},
  };
  return kRows;
}

}  // namespace skep::helpers
