// How much of the heap is in use, counted where it is handed out: exact, and the same on every machine.
//
// Linking heap_meter.cpp into a test replaces operator new and delete for all of it.
#pragma once

#include <cstddef>

namespace skep::heap_meter {

/// Forgets the most so far; bytes in use now.
std::size_t restart() noexcept;
/// The most bytes in use at any one time since then.
[[nodiscard]] std::size_t most() noexcept;

}  // namespace skep::heap_meter
