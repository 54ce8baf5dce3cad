// A value that several states share until one of them changes it. Not for use from several threads.
#pragma once

#include <cstdint>
#include <utility>

namespace skep::verifier {

template <class T>
class Cow {
 public:
  Cow() : box_(new Box{}) {}
  explicit Cow(T value) : box_(new Box{std::move(value), 1}) {}
  Cow(const Cow& other) noexcept : box_(other.box_) { ++box_->users; }
  Cow(Cow&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
  Cow& operator=(Cow other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~Cow() {
    if (box_ != nullptr && --box_->users == 0) delete box_;
  }

  const T& operator*() const noexcept { return box_->value; }
  const T* operator->() const noexcept { return &box_->value; }
  /// The value to change: copied first when others look at it.
  T& change() {
    if (box_->users > 1) {
      Box* own = new Box{box_->value, 1};
      --box_->users;
      box_ = own;
    }
    return box_->value;
  }
  [[nodiscard]] bool same(const Cow& other) const noexcept { return box_ == other.box_; }

 private:
  struct Box {
    T value{};
    std::uint32_t users = 1;
  };
  Box* box_;
};

}  // namespace skep::verifier
