// MapStorage::direct() of kinds that programs look things up in: their own functions, without the detour over the
// interface.
#pragma once

#include "maps/map_storage.hpp"

namespace skep::maps {

/// What the words of a call stand for; `Kind` is the map's very type.
template <class Kind>
[[nodiscard]] Kind& map_at(std::uint64_t word) noexcept {
  return static_cast<Kind&>(*reinterpret_cast<MapStorage*>(word));
}
[[nodiscard]] inline std::byte* bytes_at(std::uint64_t word) noexcept { return reinterpret_cast<std::byte*>(word); }

/// `Kind` is the very type of the map that r1 names, and final in what is called here. What copies long values is left
/// to the helper, which a run that is to stop does not call any more.
template <class Kind>
[[nodiscard]] MapStorage::Direct direct_call(DirectCall call, const MapSpec& spec) noexcept {
  using Word = std::uint64_t;
  switch (call) {
    case DirectCall::lookup:
      return [](Word cpu, Word map, Word key, Word, Word) noexcept {
        return reinterpret_cast<Word>(map_at<Kind>(map).Kind::lookup(bytes_at(key), static_cast<unsigned>(cpu)));
      };
    case DirectCall::update:
      if (spec.value_size > kShortValueBytes) return nullptr;
      return [](Word cpu, Word map, Word key, Word value, Word flags) noexcept {
        return static_cast<Word>(std::int64_t{
            map_at<Kind>(map).Kind::update(bytes_at(key), bytes_at(value), flags, static_cast<unsigned>(cpu))});
      };
    case DirectCall::erase:
      return [](Word, Word map, Word key, Word, Word) noexcept {
        return static_cast<Word>(std::int64_t{map_at<Kind>(map).Kind::erase(bytes_at(key))});
      };
    case DirectCall::reserve:
    case DirectCall::submit:
    case DirectCall::discard:
      return nullptr;
  }
  return nullptr;
}

}  // namespace skep::maps
