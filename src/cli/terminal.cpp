// ANSI sequences, in the few tones that every terminal has.
#include "cli/terminal.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "cli/quantity.hpp"

namespace skep::cli {
namespace {

/// By Tone.
constexpr std::array<const char*, 6> kStart{"", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[33m"};
constexpr std::chrono::milliseconds kBefore{500}, kBetween{200};

}  // namespace

Paint Paint::for_stdout() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return Paint(::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == 0) && !dumb);
}

std::string Paint::operator()(Tone tone, std::string_view text) const {
  if (!on_ || tone == Tone::plain || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", kStart[static_cast<std::size_t>(tone)], text);
}

Progress::Progress(const char* thing)
    : thing_(thing), on_(::isatty(STDERR_FILENO) == 1), next_(std::chrono::steady_clock::now() + kBefore) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::draw(std::uint64_t count) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kBetween;
  drawn_ = true;
  fmt::print(stderr, "\r{}\x1b[K", counted(count, thing_));
}

}  // namespace skep::cli
