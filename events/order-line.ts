import * as z from 'zod';

/** One product of an order. Money is in US dollars, as the catalogue has it. */
export const OrderLine = z.object({
  productId: z.string().min(1),
  productName: z.string().min(1),
  category: z.string().min(1),
  quantity: z.int().positive(),
  /** The price of the whole line, after the discount. */
  sales: z.number().nonnegative(),
  /** 0.2 means 20% off. */
  discount: z.number().min(0).max(1),
});

export type OrderLine = z.infer<typeof OrderLine>;
