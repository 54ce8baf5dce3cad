// What depends on a person watching: colour on standard output, progress on standard error.
//
// Neither ever reaches a file or a pipe, and NO_COLOR (https://no-color.org) switches colour off.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace skep::cli {

enum class Tone { plain, strong, faint, good, bad, note };

/// Wraps text in a tone, where there is a terminal to show it.
class Paint {
 public:
  /// Asks the environment about standard output.
  [[nodiscard]] static Paint for_stdout();
  explicit Paint(bool on = false) : on_(on) {}

  [[nodiscard]] std::string operator()(Tone tone, std::string_view text) const;

 private:
  bool on_;
};

/// A line that counts, while long work goes on. Shows nothing during the first half second, nor without a terminal.
class Progress {
 public:
  explicit Progress(const char* thing);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t count) {
    if (on_ && (count & 0xff) == 0) draw(count);
  }

 private:
  void draw(std::uint64_t count);

  const char* thing_;
  bool on_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace skep::cli
