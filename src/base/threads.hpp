// Whether other threads can be looking: a process that has only one needs no bus locks, which cost as much as all else
// that a map's operation does.
//
// The C library knows: it counts threads as they are made, before they run. A section under a lock makes none, so what
// held when it began holds until it ends.
#pragma once

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace skep {

/// This process has no thread but the calling one. False where nobody can tell.
[[nodiscard]] inline bool single_threaded() noexcept {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded != 0;
#else
  return false;
#endif
}

}  // namespace skep
