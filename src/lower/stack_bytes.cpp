// Byte by byte: a store is at most eight, and few cells of a frame are known at once.
#include "lower/stack_bytes.hpp"

#include <algorithm>
#include <utility>

namespace skep::lower {
namespace {

constexpr std::uint64_t kByte = 0xff;

std::int32_t cell_of(std::int64_t off) { return static_cast<std::int32_t>(off >> 3); }
unsigned shift_of(std::int64_t off) { return static_cast<unsigned>(off & 7) * 8; }
std::uint8_t bit_of(std::int64_t off) { return static_cast<std::uint8_t>(1u << (off & 7)); }

/// All bits of the bytes in `known`.
std::uint64_t mask_of(std::uint8_t known) {
  std::uint64_t mask = 0;
  for (unsigned i = 0; i < 8; ++i)
    if (known >> i & 1) mask |= kByte << (8 * i);
  return mask;
}

}  // namespace

std::vector<StackBytes::Cell>::iterator StackBytes::place_of(std::int32_t number) {
  return std::lower_bound(cells_.begin(), cells_.end(), number,
                          [](const Cell& cell, std::int32_t wanted) { return cell.number < wanted; });
}

void StackBytes::store(std::int64_t off, unsigned bytes, std::uint64_t number) {
  for (unsigned i = 0; i < bytes; ++i) {
    const std::int64_t at = off + i;
    auto cell = place_of(cell_of(at));
    if (cell == cells_.end() || cell->number != cell_of(at)) cell = cells_.insert(cell, {cell_of(at), 0, 0});
    cell->known |= bit_of(at);
    cell->bytes = (cell->bytes & ~(kByte << shift_of(at))) | (number >> (8 * i) & kByte) << shift_of(at);
  }
}

void StackBytes::forget(std::int64_t off, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < bytes; ++i) {
    const std::int64_t at = off + static_cast<std::int64_t>(i);
    const auto cell = place_of(cell_of(at));
    if (cell == cells_.end() || cell->number != cell_of(at)) continue;
    cell->known &= static_cast<std::uint8_t>(~bit_of(at));
    cell->bytes &= mask_of(cell->known);
    if (cell->known == 0) cells_.erase(cell);
  }
}

std::optional<std::uint64_t> StackBytes::load(std::int64_t off, unsigned bytes) const {
  std::uint64_t number = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    const std::int64_t at = off + i;
    const auto cell =
        std::find_if(cells_.begin(), cells_.end(), [at](const Cell& known) { return known.number == cell_of(at); });
    if (cell == cells_.end() || (cell->known & bit_of(at)) == 0) return std::nullopt;
    number |= (cell->bytes >> shift_of(at) & kByte) << (8 * i);
  }
  return number;
}

bool StackBytes::meet(const StackBytes& other) {
  std::vector<Cell> both;
  auto theirs = other.cells_.begin();
  for (const Cell& cell : cells_) {
    while (theirs != other.cells_.end() && theirs->number < cell.number) ++theirs;
    if (theirs == other.cells_.end()) break;
    if (theirs->number != cell.number) continue;
    Cell common{cell.number, 0, 0};
    for (unsigned i = 0; i < 8; ++i) {
      const bool known = (cell.known & theirs->known) >> i & 1;
      if (known && ((cell.bytes ^ theirs->bytes) >> (8 * i) & kByte) == 0)
        common.known |= static_cast<std::uint8_t>(1u << i);
    }
    common.bytes = cell.bytes & mask_of(common.known);
    if (common.known != 0) both.push_back(common);
  }
  if (both == cells_) return false;
  cells_ = std::move(both);
  return true;
}

}  // namespace skep::lower
