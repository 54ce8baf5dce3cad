// What one process of the comparison says of itself: microseconds, and the most KiB that were resident since it began.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstring>

namespace skep::bench {

/// VmHWM; unlike getrusage's, it does not begin with the parent's.
inline long peak_kib() {
  std::FILE* const status = std::fopen("/proc/self/status", "r");
  char line[128];
  long kib = 0;
  while (status != nullptr && std::fgets(line, sizeof line, status) != nullptr)
    if (std::sscanf(line, "VmHWM: %ld", &kib) == 1) break;
  if (status != nullptr) std::fclose(status);
  return kib;
}

/// Does the work, and says what it took; the process's exit code.
template <class Work>
int report(Work work) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const bool done = work();
  const double micros = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  std::printf("%.1f %ld\n", micros, peak_kib());
  return done ? 0 : 1;
}

}  // namespace skep::bench
