// Producing into ring buffers. A reserved record belongs to the run until it is submitted or discarded; the run keeps
// the list, so a record that is neither is given back when the run ends.
#include "helpers/family.hpp"

namespace skep::helpers {
namespace {

std::uint64_t output(Env&, std::uint64_t map, std::uint64_t data, std::uint64_t size, std::uint64_t flags,
                     std::uint64_t) noexcept {
  maps::RingBufferMap* ring = map_of(map).ring_buffer();
  return r0(ring == nullptr ? -EINVAL : ring->output(bytes_at(data), size, flags));
}

std::uint64_t reserve(Env& env, std::uint64_t map, std::uint64_t size, std::uint64_t flags, std::uint64_t,
                      std::uint64_t) noexcept {
  maps::RingBufferMap* ring = map_of(map).ring_buffer();
  if (ring == nullptr || flags != 0) return 0;
  std::byte* record = ring->reserve(size);
  if (record == nullptr) return 0;
  if (!env.hold_record(*ring, record, size)) {
    ring->discard(record, 0);
    return 0;
  }
  return reinterpret_cast<std::uint64_t>(record);
}

std::uint64_t submit(Env& env, std::uint64_t record, std::uint64_t flags, std::uint64_t, std::uint64_t,
                     std::uint64_t) noexcept {
  if (maps::RingBufferMap* ring = env.release_record(bytes_at(record))) ring->submit(bytes_at(record), flags);
  return 0;
}

std::uint64_t discard(Env& env, std::uint64_t record, std::uint64_t flags, std::uint64_t, std::uint64_t,
                      std::uint64_t) noexcept {
  if (maps::RingBufferMap* ring = env.release_record(bytes_at(record))) ring->discard(bytes_at(record), flags);
  return 0;
}

std::uint64_t query(Env&, std::uint64_t map, std::uint64_t what, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  const maps::RingBufferMap* ring = map_of(map).ring_buffer();
  return ring == nullptr ? 0 : ring->query(what);
}

}  // namespace

std::span<const Row> ringbuf_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::ringbuf_output, output}, {abi::HelperId::ringbuf_reserve, reserve},
      {abi::HelperId::ringbuf_submit, submit}, {abi::HelperId::ringbuf_discard, discard},
      {abi::HelperId::ringbuf_query, query},
  };
  return kRows;
}

}  // namespace skep::helpers
