// A value that several states share until one of them changes it. Not for use from several threads.
#pragma once

#include <cstdint>
#include <new>
#include <utility>

#include "verifier/state/pool.hpp"

namespace skep::verifier {

/// A pointer's size; empty until a value is made in a pool, whose blocks have at least kBlockBytes.
template <class T>
class Cow {
  struct Box {
    T value;
    std::uint32_t users;
    Pool* home;
  };

 public:
  static constexpr std::size_t kBlockBytes = sizeof(Box);

  Cow() noexcept = default;
  Cow(Pool& home, const T& value) : box_(new (home.take()) Box{value, 1, &home}) {}
  Cow(const Cow& other) noexcept : box_(other.box_) {
    if (box_ != nullptr) ++box_->users;
  }
  Cow(Cow&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
  Cow& operator=(Cow other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~Cow() { drop(); }

  explicit operator bool() const noexcept { return box_ != nullptr; }
  const T& operator*() const noexcept { return box_->value; }
  const T* operator->() const noexcept { return &box_->value; }
  /// The value to change: copied first when others look at it.
  T& change() {
    if (box_->users > 1) {
      --box_->users;
      box_ = new (box_->home->take()) Box{box_->value, 1, box_->home};
    }
    return box_->value;
  }
  [[nodiscard]] bool same(const Cow& other) const noexcept { return box_ == other.box_; }

 private:
  void drop() noexcept {
    if (box_ == nullptr || --box_->users != 0) return;
    Pool* home = box_->home;
    box_->~Box();
    home->give(box_);
  }

  Box* box_ = nullptr;
};

}  // namespace skep::verifier
