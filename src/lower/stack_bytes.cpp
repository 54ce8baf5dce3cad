// Cell by cell: a store goes to at most two, and few cells of a frame are known at once.
#include "lower/stack_bytes.hpp"

#include <algorithm>

namespace skep::lower {
namespace {

constexpr unsigned kCellBytes = 8;

/// Where a range and the cell in which it starts meet.
struct Part {
  std::int32_t cell = 0;
  unsigned bytes = 0;      // so many of the range's first
  unsigned shift = 0;      // by which these are moved up
  std::uint64_t mask = 0;  // all their bits, at their place
};

Part first_part(std::int64_t off, std::uint64_t bytes) {
  const unsigned before = static_cast<unsigned>(off) % kCellBytes;
  const auto inside = static_cast<unsigned>(std::min<std::uint64_t>(bytes, kCellBytes - before));
  const std::uint64_t mask = ~std::uint64_t{0} >> 8 * (kCellBytes - inside);
  return {static_cast<std::int32_t>(off >> 3), inside, 8 * before, mask << 8 * before};
}

/// All bits of the bytes in which the numbers are the same.
std::uint64_t same_bytes(std::uint64_t a, std::uint64_t b) {
  std::uint64_t same = 0;
  for (std::uint64_t byte = 0xff; byte != 0; byte <<= 8)
    if (((a ^ b) & byte) == 0) same |= byte;
  return same;
}

}  // namespace

std::vector<StackBytes::Cell>::iterator StackBytes::place_of(std::int32_t number) {
  return std::lower_bound(cells_.begin(), cells_.end(), number,
                          [](const Cell& cell, std::int32_t wanted) { return cell.number < wanted; });
}

void StackBytes::store(std::int64_t off, unsigned bytes, std::uint64_t number) {
  for (unsigned done = 0; done < bytes;) {
    const Part part = first_part(off + done, bytes - done);
    auto cell = place_of(part.cell);
    if (cell == cells_.end() || cell->number != part.cell) cell = cells_.insert(cell, {part.cell, 0, 0});
    cell->known |= part.mask;
    cell->bytes = (cell->bytes & ~part.mask) | ((number >> 8 * done) << part.shift & part.mask);
    done += part.bytes;
  }
}

void StackBytes::forget_some(std::int64_t off, std::uint64_t bytes) {
  for (std::uint64_t done = 0; done < bytes;) {
    const Part part = first_part(off + static_cast<std::int64_t>(done), bytes - done);
    done += part.bytes;
    const auto cell = place_of(part.cell);
    if (cell == cells_.end() || cell->number != part.cell) continue;
    cell->known &= ~part.mask;
    cell->bytes &= cell->known;
    if (cell->known == 0) cells_.erase(cell);
  }
}

std::optional<std::uint64_t> StackBytes::load_some(std::int64_t off, unsigned bytes) const {
  std::uint64_t number = 0;
  for (unsigned done = 0; done < bytes;) {
    const Part part = first_part(off + done, bytes - done);
    const auto cell =
        std::find_if(cells_.begin(), cells_.end(), [&](const Cell& known) { return known.number == part.cell; });
    if (cell == cells_.end() || (cell->known & part.mask) != part.mask) return std::nullopt;
    number |= (cell->bytes & part.mask) >> part.shift << 8 * done;
    done += part.bytes;
  }
  return number;
}

bool StackBytes::meet_some(const StackBytes& other) {
  bool less = false;
  auto kept = cells_.begin();
  auto theirs = other.cells_.begin();
  for (const Cell& cell : cells_) {
    while (theirs != other.cells_.end() && theirs->number < cell.number) ++theirs;
    const bool shared = theirs != other.cells_.end() && theirs->number == cell.number;
    const std::uint64_t known = shared ? cell.known & theirs->known & same_bytes(cell.bytes, theirs->bytes) : 0;
    less = less || known != cell.known;
    if (known != 0) *kept++ = {cell.number, known, cell.bytes & known};
  }
  cells_.erase(kept, cells_.end());
  return less;
}

}  // namespace skep::lower
