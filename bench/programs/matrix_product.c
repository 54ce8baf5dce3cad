// The product of two 8 by 8 matrices of 32-bit numbers.
#include "program.h"

#define N 8

static __u32 product[N * N];

PROGRAM(matrix_product) {
  REQUIRE_INPUT();
#pragma unroll 1
  for (int row = 0; row < N; ++row) {
#pragma unroll 1
    for (int column = 0; column < N; ++column) {
      __u32 sum = 0;
#pragma unroll 1
      for (int i = 0; i < N; ++i) sum += INPUT_32(N * row + i) * INPUT_32(N * N + N * i + column);
      product[N * row + column] = sum;
    }
  }
  __u32 mixed = 0;
#pragma unroll 1
  for (int i = 0; i < N * N; ++i) mixed = mixed * 31 + product[i];
  return mixed;
}
